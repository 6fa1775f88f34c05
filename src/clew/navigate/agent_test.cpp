// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/agent.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/navigate/losses.h"

namespace clew::navigate {
namespace agent_test {

AgentOptions tiny(const std::string& name) {
  return {.spec = parse_agent(name), .height = 36, .width = 36, .lstm1 = 3, .lstm2 = 5};
}

Observation observation(std::int64_t worlds, std::int64_t size) {
  return {torch::randint(0, 256, {worlds, 3, size, size}, torch::kUInt8), torch::randn({worlds, 6}),
          torch::randn({worlds}), torch::randint(-1, 8, {worlds}, torch::kInt32)};
}

TEST(ParseAgent, ReadsEveryCombination) {
  for (const std::string body : {"ff", "lstm", "nav"}) {
    for (const std::string parts :
         {"", "+d1", "+d2", "+l", "+d1+d2", "+d1+l", "+d2+l", "+d1+d2+l"}) {
      EXPECT_EQ(agent_name(parse_agent(body + parts)), body + parts);
    }
  }
  EXPECT_EQ(agent_name(parse_agent("nav+l+d1")), "nav+d1+l");
}

TEST(ParseAgent, SaysWhatIsWrong) {
  for (const std::string name : {"", "navy", "nav+", "nav+d3", "nav+d1+d1", "nav d1", "+d1"}) {
    try {
      parse_agent(name);
      FAIL() << name;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find("agent must be ff, lstm or nav"), std::string::npos);
    }
  }
  try {
    parse_agent("lstn+d1");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(
        error.what(),
        "agent must be ff, lstm or nav, then any of +d1 +d2 +l, got 'lstn+d1' (at 'lstn'); did "
        "you mean 'lstm'?");
  }
}

TEST(Agent, ShapesOfEveryAgent) {
  for (const std::string name : {"ff", "lstm+d2", "nav", "ff+d1+d2+l", "nav+d1+d2+l"}) {
    Agent agent(tiny(name), Key{1});
    agent->begin_rollout();
    const auto keep = torch::ones({4});
    const auto out = agent->forward(observation(4, 36), agent->initial_state(4), keep);
    EXPECT_EQ(out.logits.sizes(), torch::IntArrayRef({4, 8})) << name;
    EXPECT_EQ(out.value.sizes(), torch::IntArrayRef({4})) << name;
    const auto heads = agent->auxiliary(out.features, out.hidden);
    EXPECT_EQ(heads.depth1.defined(), agent->options.spec.has_d1) << name;
    EXPECT_EQ(heads.depth2.defined(), agent->options.spec.has_d2) << name;
    EXPECT_EQ(heads.loop.defined(), agent->options.spec.has_loop) << name;
    if (heads.depth2.defined()) {
      EXPECT_EQ(heads.depth2.sizes(), torch::IntArrayRef({4, 64, 8})) << name;
    }
    if (heads.loop.defined()) {
      EXPECT_EQ(heads.loop.sizes(), torch::IntArrayRef({4})) << name;
    }
  }
}

TEST(Agent, ANewEpisodeForgetsTheState) {
  torch::manual_seed(5);
  Agent agent(tiny("nav"), Key{1});
  agent->begin_rollout();
  const torch::NoGradGuard no_grad;
  const auto seen = observation(2, 36);
  AgentState state{torch::randn({2, 3}), torch::randn({2, 3}), torch::randn({2, 5}),
                   torch::randn({2, 5})};
  const auto mixed = agent->forward(seen, state, torch::tensor({0.0F, 1.0F}));
  const auto fresh = agent->forward(seen, agent->initial_state(2), torch::ones({2}));
  EXPECT_TRUE(torch::equal(mixed.state.h2[0], fresh.state.h2[0]));
  EXPECT_FALSE(torch::equal(mixed.state.h2[1], fresh.state.h2[1]));
}

TEST(Agent, WeightsDependOnTheKeyAlone) {
  Agent first(tiny("nav+d1"), Key{7}), second(tiny("nav+d1"), Key{7}),
      other(tiny("nav+d1"), Key{8});
  const auto a = first->named_parameters(), b = second->named_parameters(),
             c = other->named_parameters();
  for (const auto& item : a) EXPECT_TRUE(torch::equal(item.value(), b[item.key()])) << item.key();
  EXPECT_FALSE(torch::equal(a["fc_weight"], c["fc_weight"]));
}

/// The whole loss of a two-step rollout, as the trainer puts it together.
torch::Tensor rollout_loss(Agent& agent, const std::vector<Observation>& seen,
                           const torch::Tensor& depth, const torch::Tensor& loop) {
  agent->begin_rollout();
  std::vector<torch::Tensor> features, hidden, logits, values;
  auto state = agent->initial_state(2);
  for (std::size_t t = 0; t < seen.size(); ++t) {
    const auto keep =
        t == 1 ? torch::tensor({1.0, 0.0}, torch::kFloat64) : torch::ones({2}, torch::kFloat64);
    const auto out = agent->forward(seen[t], state, keep);
    state = out.state;
    features.push_back(out.features), hidden.push_back(out.hidden);
    logits.push_back(out.logits), values.push_back(out.value);
  }
  LossInput input;
  input.logits = torch::stack(logits);
  input.values = torch::stack(values);
  input.actions = torch::tensor({{1, 7}, {0, 3}, {2, 2}}, torch::kInt64);
  // Targets are constants of the loss: V-trace lets no gradient through.
  input.targets = {torch::tensor({{0.3, -0.2}, {0.1, 0.9}, {0.5, 0.4}}, torch::kFloat64),
                   torch::tensor({{0.7, -0.4}, {0.2, 0.6}, {-0.3, 1.1}}, torch::kFloat64)};
  input.auxiliary = agent->auxiliary(torch::cat(features), torch::cat(hidden));
  input.depth_classes = depth;
  input.is_loop = loop;
  return compute_losses(input, {.value = 0.5, .entropy = 0.05, .depth1 = 1, .depth2 = 2, .loop = 3})
      .total;
}

TEST(Agent, GradientsOfTheWholeLossAreThoseOfFiniteDifferences) {
  torch::manual_seed(11);
  for (const std::string name : {"nav+d1+d2+l", "lstm+d2", "ff+d1+l"}) {
    Agent agent(tiny(name), Key{2});
    agent->to(torch::kFloat64);
    std::vector<Observation> seen;
    for (int t = 0; t < 3; ++t) seen.push_back(observation(2, 36));
    const auto depth = torch::randint(0, 8, {6, 64}, torch::kInt64);
    const auto loop = torch::tensor({1.0, 0.0, 1.0, 1.0, 0.0, 0.0}, torch::kFloat64);
    rollout_loss(agent, seen, depth, loop).backward();
    const torch::NoGradGuard no_grad;
    for (auto& item : agent->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << name << " " << item.key();
      auto values = item.value().flatten();  // a view: writing it writes the parameter
      const auto gradient = item.value().grad().flatten();
      // Six entries of every parameter; central differences, whose error is of order step^2 plus
      // rounding / step. A ReLU whose sign changes inside the step shows as a larger error, so the
      // step is small.
      for (std::int64_t k = 0; k < 6; ++k) {
        const auto i = (k * 7919) % values.numel();
        const double before = values[i].item<double>(), step = 1e-6;
        values[i] = before + step;
        const double above = rollout_loss(agent, seen, depth, loop).item<double>();
        values[i] = before - step;
        const double below = rollout_loss(agent, seen, depth, loop).item<double>();
        values[i] = before;
        EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * step), 1e-7)
            << name << " " << item.key() << " " << i;
      }
    }
  }
}

}  // namespace agent_test
}  // namespace clew::navigate
