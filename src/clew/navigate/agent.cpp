// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/agent.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/linear.h"

namespace clew::navigate {
namespace {

constexpr int kActionCount = 8, kVelocity = 6;

/// Auxiliary heads by their names.
struct Head {
  std::string_view name;
  bool AgentSpec::*has;
};
constexpr Head kHeads[] = {
    {"d1", &AgentSpec::has_d1}, {"d2", &AgentSpec::has_d2}, {"l", &AgentSpec::has_loop}};

int conv_out(int size, int kernel, int stride) { return (size - kernel) / stride + 1; }

torch::Tensor uniform_tensor(const std::vector<std::int64_t>& shape, double bound, Key key) {
  auto tensor = torch::empty(shape, torch::kFloat32);
  Stream stream(key);
  float* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    values[i] = static_cast<float>(bound) * (2 * stream.uniform() - 1);
  }
  return tensor;
}

}  // namespace

AgentSpec parse_agent(const std::string& name) {
  AgentSpec spec;
  std::vector<std::string> parts(1);
  for (const char letter : name) {
    if (letter == '+') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  const auto fail = [&](const std::string& part, const std::vector<std::string>& names) {
    throw UsageError(concat("agent must be ff, lstm or nav, then any of +d1 +d2 +l, got '", name,
                            "' (at '", part, "')", did_you_mean(part, names)));
  };
  const auto body = find_named<Body>(parts[0]);
  if (!body) fail(parts[0], names_of<Body>());
  spec.body = *body;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto head = std::ranges::find(kHeads, parts[i], &Head::name);
    if (head == std::end(kHeads) || spec.*head->has) fail(parts[i], {"d1", "d2", "l"});
    spec.*head->has = true;
  }
  return spec;
}

std::string agent_name(const AgentSpec& spec) {
  std::string name(name_of(spec.body));
  for (const auto& head : kHeads)
    if (spec.*head.has) name += concat("+", head.name);
  return name;
}

AgentImpl::AgentImpl(const AgentOptions& agent_options, Key key) : options(agent_options) {
  CLEW_CHECK(options.height >= 36 && options.width >= 36,
             "frames must be at least 36x36 pixels, got ", options.height, "x", options.width);
  CLEW_CHECK(options.lstm1 >= 1 && options.lstm2 >= 1, "LSTM sizes must be positive, got ",
             options.lstm1, " and ", options.lstm2);
  std::uint64_t index = 0;
  const auto weight = [&](const char* name, std::vector<std::int64_t> shape, double fan_in,
                          double scale = 1) {
    return register_parameter(
        name, uniform_tensor(shape, scale / std::sqrt(fan_in), fold_in(key, index++)));
  };
  const auto zeros = [&](const char* name, std::int64_t size) {
    ++index;
    return register_parameter(name, torch::zeros({size}));
  };
  const std::int64_t flat = std::int64_t{32} * conv_out(conv_out(options.height, 8, 4), 4, 2) *
                            conv_out(conv_out(options.width, 8, 4), 4, 2);
  auto& encoder = encoder_weights_;
  encoder.conv1_weight = weight("conv1_weight", {16, 3, 8, 8}, 192);
  encoder.conv1_bias = zeros("conv1_bias", 16);
  encoder.conv2_weight = weight("conv2_weight", {32, 16, 4, 4}, 256);
  encoder.conv2_bias = zeros("conv2_bias", 32);
  encoder.fc_weight = weight("fc_weight", {kFeatures, flat}, static_cast<double>(flat));
  encoder.fc_bias = zeros("fc_bias", kFeatures);

  const auto lstm = [&](const std::string& name, int inputs, int units) {
    ops::LstmWeights cell;
    cell.w_ih = weight((name + "_weight_ih").c_str(), {4 * units, inputs}, units);
    cell.w_hh = weight((name + "_weight_hh").c_str(), {4 * units, units}, units);
    cell.b_ih = zeros((name + "_bias_ih").c_str(), 4 * units);
    cell.b_hh = zeros((name + "_bias_hh").c_str(), 4 * units);
    return cell;
  };
  int hidden = kFeatures;
  if (options.spec.body == Body::kNav) {
    lstm1_weights_ = lstm("lstm1", kFeatures + 1, options.lstm1);
    lstm2_weights_ =
        lstm("lstm2", kFeatures + options.lstm1 + kVelocity + kActionCount, options.lstm2);
    hidden = options.lstm2;
  } else if (options.spec.body == Body::kLstm) {
    lstm2_weights_ = lstm("lstm2", kFeatures, options.lstm2);
    hidden = options.lstm2;
  }
  policy_w_ = weight("policy_weight", {kActionCount, hidden}, hidden, 0.01);
  policy_b_ = zeros("policy_bias", kActionCount);
  value_w_ = weight("value_weight", {1, hidden}, hidden);
  value_b_ = zeros("value_bias", 1);

  const auto head = [&](const std::string& name, int inputs, int units, int outputs) {
    Mlp layers;
    layers.w1 = weight((name + "_hidden_weight").c_str(), {units, inputs}, inputs);
    layers.b1 = zeros((name + "_hidden_bias").c_str(), units);
    layers.w2 = weight((name + "_out_weight").c_str(), {outputs, units}, units);
    layers.b2 = zeros((name + "_out_bias").c_str(), outputs);
    return layers;
  };
  if (options.spec.has_d1)
    depth1_ = head("depth1", kFeatures, kDepthHidden, kDepthPositions * kDepthClasses);
  if (options.spec.has_d2)
    depth2_ = head("depth2", hidden, kDepthHidden, kDepthPositions * kDepthClasses);
  if (options.spec.has_loop) loop_ = head("loop", hidden, kLoopHidden, 1);
}

void AgentImpl::begin_rollout() {
  encoder_.emplace(encoder_weights_,
                   ops::EncoderOptions{.precision = options.precision, .workspace = workspace_});
  const ops::LstmOptions lstm_options{.precision = options.precision, .workspace = workspace_};
  if (lstm1_weights_.w_ih.defined()) lstm1_.emplace(lstm1_weights_, lstm_options);
  if (lstm2_weights_.w_ih.defined()) lstm2_.emplace(lstm2_weights_, lstm_options);
}

AgentOutput AgentImpl::forward(const Observation& observation, const AgentState& state,
                               const torch::Tensor& keep) {
  CLEW_CHECK(encoder_.has_value(), "begin_rollout must come before the first step (agent)");
  AgentOutput out;
  out.features = (*encoder_)(observation.frames);
  const auto dtype = out.features.scalar_type();
  const auto kept = keep.defined() ? keep.to(dtype).unsqueeze(1) : keep;
  const auto begun = [&](const torch::Tensor& last) { return kept.defined() ? last * kept : last; };
  if (options.spec.body == Body::kNav) {
    const auto reward = observation.last_reward.to(dtype).unsqueeze(1);
    const auto first = (*lstm1_)({out.features, reward}, begun(state.h1), begun(state.c1));
    out.state.h1 = first.h, out.state.c1 = first.c;
    const auto actions = torch::arange(kActionCount, observation.last_action.options());
    const auto one_hot = (observation.last_action.unsqueeze(1) == actions).to(dtype);
    const auto second = (*lstm2_)({out.features, first.h, observation.velocity.to(dtype), one_hot},
                                  begun(state.h2), begun(state.c2));
    out.state.h2 = second.h, out.state.c2 = second.c;
    out.hidden = out.state.h2;
  } else if (options.spec.body == Body::kLstm) {
    const auto step = (*lstm2_)({out.features}, begun(state.h2), begun(state.c2));
    out.state.h2 = step.h, out.state.c2 = step.c;
    out.hidden = out.state.h2;
  } else {
    out.hidden = out.features;
  }
  out.logits = ops::linear(out.hidden, policy_w_, policy_b_, {.workspace = workspace_});
  out.value = ops::linear(out.hidden, value_w_, value_b_, {.workspace = workspace_}).squeeze(1);
  return out;
}

AuxiliaryOutput AgentImpl::auxiliary(const torch::Tensor& features, const torch::Tensor& hidden) {
  AuxiliaryOutput out;
  const auto run = [&](const Mlp& layers, const torch::Tensor& x) {
    const auto hidden_layer =
        ops::linear(x, layers.w1, layers.b1, {.has_relu = true, .workspace = workspace_});
    return ops::linear(hidden_layer, layers.w2, layers.b2, {.workspace = workspace_});
  };
  if (options.spec.has_d1)
    out.depth1 = run(depth1_, features).view({-1, kDepthPositions, kDepthClasses});
  if (options.spec.has_d2)
    out.depth2 = run(depth2_, hidden).view({-1, kDepthPositions, kDepthClasses});
  if (options.spec.has_loop) out.loop = run(loop_, hidden).squeeze(1);
  return out;
}

AgentState AgentImpl::initial_state(std::int64_t worlds) const {
  AgentState state;
  const auto zeros = [&](int units) {
    return torch::zeros({worlds, units}, encoder_weights_.fc_weight.options().requires_grad(false));
  };
  if (options.spec.body == Body::kNav) {
    state.h1 = zeros(options.lstm1);
    state.c1 = zeros(options.lstm1);
  }
  if (options.spec.body != Body::kFeedForward) {
    state.h2 = zeros(options.lstm2);
    state.c2 = zeros(options.lstm2);
  }
  return state;
}

}  // namespace clew::navigate
