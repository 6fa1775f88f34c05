// SPDX-License-Identifier: Apache-2.0
// The synchronous ("batched") trainer: K workers, each with its lanes and one intra-op thread, act
// for T steps with the graph kept, learn from it, and their gradients are summed in a fixed order
// into one optimiser step. It knows no files but the bytes of a checkpoint; run folders, progress
// and signals are in run.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/maze/level.h"
#include "clew/navigate/agent.h"
#include "clew/navigate/config.h"

namespace clew::navigate {

/// Means since the last `take_stats`; NaN where nothing was measured.
struct TrainStats {
  std::int64_t steps = 0, frames = 0, updates = 0;  // since the beginning of the run
  std::int64_t episodes = 0;                        // finished since the last call
  double score = 0, goals = 0;                      // means over those episodes
  double loss_policy = 0, loss_value = 0, entropy = 0, loss_depth1 = 0, loss_depth2 = 0,
         loss_loop = 0;
  double depth1_accuracy = 0, depth2_accuracy = 0, loop_accuracy = 0;
  double grad_norm = 0, lr = 0;
};

class Trainer {
 public:
  /// Bad options: clew::Error or UsageError.
  Trainer(const NavigateConfig& config, std::shared_ptr<const maze::Level> level);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One rollout of T steps in every world and one optimiser step. Blocks. A loss that is not
  /// finite: clew::Error naming the step and the loss, with the weights as they were.
  void update();

  std::int64_t steps() const;
  bool is_finished() const;  // steps() >= train.steps
  TrainStats take_stats();

  /// Everything a resumed run needs, as a safetensors container: weights under their names,
  /// optimiser, recurrent state, every lane, counters. Holds nothing that depends on time, so equal
  /// runs give equal bytes.
  std::vector<std::byte> checkpoint() const;
  /// Continues from `bytes`; `name` is for errors. On an error the trainer must not be used
  /// further.
  void restore(std::span<const std::byte> bytes, const std::string& name);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The precision a name in a recipe stands for: auto, fp32 or bf16.
ops::Precision parse_precision(const std::string& name);
AgentOptions agent_options(const NavigateConfig& config);

/// Builds the agent of a run and loads its weights from a checkpoint's bytes.
Agent load_agent(const NavigateConfig& config, std::span<const std::byte> checkpoint,
                 const std::string& name);

/// Samples an action for every row: logits [N,8] f32 on the CPU, one uniform number in [0,1) a row.
std::int32_t sample_action(const float* logits, int count, float uniform);

}  // namespace clew::navigate
