// SPDX-License-Identifier: Apache-2.0
// Agents of Mirowski et al. 2016 (arXiv 1611.03673): ff, lstm and nav, with auxiliary heads +d1 +d2
// (depth classes from the encoder and from the policy LSTM) and +l (loop closure). Network only;
// losses: losses.h, acting and training: trainer.h.
//
// Letters: N worlds, T steps of a rollout, H and W the frame's height and width.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "clew/core/key.h"
#include "clew/core/names.h"
#include "clew/ops/encoder.h"
#include "clew/ops/lstm.h"
#include "clew/ops/precision.h"

namespace clew::navigate {

enum class Body : std::uint8_t { kFeedForward, kLstm, kNav };
constexpr auto names(Body) {
  return std::to_array<Named<Body>>(
      {{Body::kFeedForward, "ff"}, {Body::kLstm, "lstm"}, {Body::kNav, "nav"}});
}

/// Parsed agent name: "nav+d1+d2+l".
struct AgentSpec {
  Body body = Body::kNav;
  bool has_d1 = false, has_d2 = false, has_loop = false;
};
/// Heads may be in any order. Invalid: UsageError.
AgentSpec parse_agent(const std::string& name);
std::string agent_name(const AgentSpec& spec);

struct AgentOptions {
  AgentSpec spec;
  int height = 84, width = 84;  // frame size in pixels, at least 36
  int lstm1 = 64, lstm2 = 256;  // units of the two LSTMs (lstm has the second only)
  ops::Precision precision = ops::Precision::kFp32;
};

constexpr int kFeatures = 256, kDepthHidden = 128, kLoopHidden = 128;
constexpr int kDepthPositions = 64,
              kDepthClasses = 8;  // of a 4 x 16 grid: paper v3, appendix

/// Observation before an action.
struct Observation {
  torch::Tensor frames;    // [N,3,H,W] u8, RGB
  torch::Tensor velocity;  // [N,6] f32: forward, right, up in cells/s, roll, pitch, yaw in turns/s
  torch::Tensor last_reward;  // [N] f32, unscaled
  torch::Tensor last_action;  // [N] i32 in 0..7, or -1 at the start of an episode
};

/// Recurrent state; undefined where the body has no such LSTM.
struct AgentState {
  torch::Tensor h1, c1;  // [N,lstm1]
  torch::Tensor h2, c2;  // [N,lstm2]
};

struct AgentOutput {
  torch::Tensor features;  // [N,256], encoder output f_t
  torch::Tensor hidden;    // [N,lstm2] policy LSTM output, or features for ff
  torch::Tensor logits;    // [N,8], raw
  torch::Tensor value;     // [N]
  AgentState state;
};

/// Auxiliary predictions for M observations; undefined without such a head.
struct AuxiliaryOutput {
  torch::Tensor depth1, depth2;  // [M,64,8] raw (softmax over the last)
  torch::Tensor loop;            // [M] raw (sigmoid)
};

struct AgentImpl : torch::nn::Module {
  /// Weights are drawn from `key`: uniform(+-1/sqrt(fan in)), policy layer scaled by 0.01 (a nearly
  /// uniform initial policy).
  AgentImpl(const AgentOptions& options, Key key);

  /// One step. `keep` [N] f32: factor of the state, 0 where a new episode begins; undefined: 1.
  /// With gradients enabled the graph is kept, so that training on a rollout needs no second
  /// forward pass.
  AgentOutput forward(const Observation& observation, const AgentState& state,
                      const torch::Tensor& keep);

  /// features [M,256], hidden [M,lstm2] -> auxiliary predictions.
  AuxiliaryOutput auxiliary(const torch::Tensor& features, const torch::Tensor& hidden);

  /// Zero state for N worlds, in the dtype and on the device of the weights.
  AgentState initial_state(std::int64_t worlds) const;

  /// Packs the weights for the following steps, which are one graph until backward. Call before the
  /// first step and after every change of the weights. Not thread-safe.
  void begin_rollout();

  AgentOptions options;

 private:
  ops::EncoderWeights encoder_weights_;
  ops::LstmWeights lstm1_weights_, lstm2_weights_;
  ops::Workspace workspace_;
  std::optional<ops::Encoder> encoder_;  // of the current rollout
  std::optional<ops::Lstm> lstm1_, lstm2_;
  torch::Tensor policy_w_, policy_b_, value_w_, value_b_;
  struct Mlp {
    torch::Tensor w1, b1, w2, b2;
  } depth1_, depth2_, loop_;
};
TORCH_MODULE(Agent);

}  // namespace clew::navigate
