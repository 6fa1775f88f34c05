// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/agent.h"

#include <torch/torch.h>

#include <cmath>
#include <utility>
#include <vector>

#include "clew/core/error.h"

namespace clew::navigate {
namespace {

constexpr int kActionCount = 8, kVelocity = 6;

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

torch::Tensor mlp(const torch::Tensor& x, const torch::Tensor& w1, const torch::Tensor& b1,
                  const torch::Tensor& w2, const torch::Tensor& b2) {
  return torch::linear(torch::relu(torch::linear(x, w1, b1)), w2, b2);
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
  const auto fail = [&](const std::string& part) {
    throw UsageError(concat("agent must be ff, lstm or nav, then any of +d1 +d2 +l, got '", name,
                            "' (at '", part, "')"));
  };
  if (parts[0] == "ff") {
    spec.body = Body::kFeedForward;
  } else if (parts[0] == "lstm") {
    spec.body = Body::kLstm;
  } else if (parts[0] == "nav") {
    spec.body = Body::kNav;
  } else {
    fail(parts[0]);
  }
  for (std::size_t i = 1; i < parts.size(); ++i) {
    bool* flag = parts[i] == "d1"   ? &spec.has_d1
                 : parts[i] == "d2" ? &spec.has_d2
                 : parts[i] == "l"  ? &spec.has_loop
                                    : nullptr;
    if (flag == nullptr || *flag) fail(parts[i]);
    *flag = true;
  }
  return spec;
}

std::string agent_name(const AgentSpec& spec) {
  std::string name = spec.body == Body::kFeedForward ? "ff"
                     : spec.body == Body::kLstm      ? "lstm"
                                                     : "nav";
  if (spec.has_d1) name += "+d1";
  if (spec.has_d2) name += "+d2";
  if (spec.has_loop) name += "+l";
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
        name, uniform_tensor(shape, scale / std::sqrt(fan_in), split(key, index++)));
  };
  const auto zeros = [&](const char* name, std::int64_t size) {
    ++index;
    return register_parameter(name, torch::zeros({size}));
  };
  const std::int64_t flat = std::int64_t{32} * conv_out(conv_out(options.height, 8, 4), 4, 2) *
                            conv_out(conv_out(options.width, 8, 4), 4, 2);
  conv1_w_ = weight("conv1_weight", {16, 3, 8, 8}, 192);
  conv1_b_ = zeros("conv1_bias", 16);
  conv2_w_ = weight("conv2_weight", {32, 16, 4, 4}, 256);
  conv2_b_ = zeros("conv2_bias", 32);
  fc_w_ = weight("fc_weight", {kFeatures, flat}, static_cast<double>(flat));
  fc_b_ = zeros("fc_bias", kFeatures);

  const auto lstm = [&](const std::string& name, int inputs, int units) {
    Lstm cell;
    cell.w_ih = weight((name + "_weight_ih").c_str(), {4 * units, inputs}, units);
    cell.w_hh = weight((name + "_weight_hh").c_str(), {4 * units, units}, units);
    cell.b_ih = zeros((name + "_bias_ih").c_str(), 4 * units);
    cell.b_hh = zeros((name + "_bias_hh").c_str(), 4 * units);
    return cell;
  };
  int hidden = kFeatures;
  if (options.spec.body == Body::kNav) {
    lstm1_ = lstm("lstm1", kFeatures + 1, options.lstm1);
    lstm2_ = lstm("lstm2", kFeatures + options.lstm1 + kVelocity + kActionCount, options.lstm2);
    hidden = options.lstm2;
  } else if (options.spec.body == Body::kLstm) {
    lstm2_ = lstm("lstm2", kFeatures, options.lstm2);
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

torch::Tensor AgentImpl::encode(const torch::Tensor& frames) {
  const auto pixels = frames.to(conv1_w_.scalar_type()).mul_(1.0 / 255);
  auto x = torch::relu(torch::conv2d(pixels, conv1_w_, conv1_b_, 4));
  x = torch::relu(torch::conv2d(x, conv2_w_, conv2_b_, 2));
  return torch::relu(torch::linear(x.flatten(1), fc_w_, fc_b_));
}

AgentOutput AgentImpl::forward(const Observation& observation, const AgentState& state,
                               const torch::Tensor& keep) {
  AgentOutput out;
  out.features = encode(observation.frames);
  const auto dtype = out.features.scalar_type();
  const auto kept = keep.to(dtype).unsqueeze(1);
  const auto step = [&](const Lstm& cell, const torch::Tensor& x, const torch::Tensor& h,
                        const torch::Tensor& c) {
    return torch::lstm_cell(x, {h * kept, c * kept}, cell.w_ih, cell.w_hh, cell.b_ih, cell.b_hh);
  };
  if (options.spec.body == Body::kNav) {
    const auto reward = observation.last_reward.to(dtype).unsqueeze(1);
    std::tie(out.state.h1, out.state.c1) =
        step(lstm1_, torch::cat({out.features, reward}, 1), state.h1, state.c1);
    const auto actions = torch::arange(kActionCount, observation.last_action.options());
    const auto one_hot = (observation.last_action.unsqueeze(1) == actions).to(dtype);
    std::tie(out.state.h2, out.state.c2) =
        step(lstm2_,
             torch::cat({out.features, out.state.h1, observation.velocity.to(dtype), one_hot}, 1),
             state.h2, state.c2);
    out.hidden = out.state.h2;
  } else if (options.spec.body == Body::kLstm) {
    std::tie(out.state.h2, out.state.c2) = step(lstm2_, out.features, state.h2, state.c2);
    out.hidden = out.state.h2;
  } else {
    out.hidden = out.features;
  }
  out.logits = torch::linear(out.hidden, policy_w_, policy_b_);
  out.value = torch::linear(out.hidden, value_w_, value_b_).squeeze(1);
  return out;
}

AuxiliaryOutput AgentImpl::auxiliary(const torch::Tensor& features, const torch::Tensor& hidden) {
  AuxiliaryOutput out;
  const auto run = [](const Mlp& layers, const torch::Tensor& x) {
    return mlp(x, layers.w1, layers.b1, layers.w2, layers.b2);
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
    return torch::zeros({worlds, units}, fc_w_.options().requires_grad(false));
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

void AgentImpl::weights_changed() {}

}  // namespace clew::navigate
