// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/trainer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"
#include "clew/maze/level_text.h"
#include "clew/maze/vector_env.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "tests/support/expect_error.h"

namespace clew::navigate {
namespace trainer_test {

std::shared_ptr<const maze::Level> tiny_level() {
  auto level = maze::load_builtin("tiny");
  level.rules.episode_frames = 40;  // ten steps, so that some end in every test
  return std::make_shared<const maze::Level>(level);
}

NavigateConfig tiny_config() {
  NavigateConfig config;
  config.level = "tiny";
  config.size = 36;
  config.lstm1 = 8;
  config.lstm2 = 16;
  config.train.steps = 1000;
  config.train.workers = 2;
  config.train.worlds = 5;  // shares that differ: 2 and 3
  config.train.unroll = 6;
  return config;
}

std::vector<std::byte> after(Trainer& trainer, int updates) {
  for (int i = 0; i < updates; ++i) trainer.update();
  return trainer.checkpoint();
}

std::string refusal(Trainer& trainer, std::span<const std::byte> bytes) {
  return clew::error_of([&] { trainer.restore(bytes, "file"); });
}

TEST(SampleAction, FollowsTheProbabilities) {
  const std::array<float, 3> logits = {std::log(1.0F), std::log(2.0F), std::log(1.0F)};
  EXPECT_EQ(sample_action(logits.data(), 3, 0.0F), 0);
  EXPECT_EQ(sample_action(logits.data(), 3, 0.24F), 0);
  EXPECT_EQ(sample_action(logits.data(), 3, 0.26F), 1);
  EXPECT_EQ(sample_action(logits.data(), 3, 0.74F), 1);
  EXPECT_EQ(sample_action(logits.data(), 3, 0.76F), 2);
  EXPECT_EQ(sample_action(logits.data(), 3, 0.9999999F), 2);
}

TEST(Trainer, EqualRunsGiveEqualBytes) {
  Trainer first(tiny_config(), tiny_level()), second(tiny_config(), tiny_level());
  EXPECT_EQ(after(first, 4), after(second, 4));
  auto other_config = tiny_config();
  other_config.seed = 2;
  Trainer other(other_config, tiny_level());
  EXPECT_NE(after(first, 0), after(other, 4));
}

TEST(Trainer, ResumingEqualsNeverStopping) {
  for (const std::string agent : {"nav+d1+d2+l", "lstm+d2", "ff"}) {
    auto config = tiny_config();
    config.agent = agent;
    Trainer whole(config, tiny_level());
    const auto middle = after(whole, 3);
    const auto wanted = after(whole, 3);
    Trainer resumed(config, tiny_level());
    resumed.update();  // a used instance must not differ from a new one
    resumed.restore(middle, "middle");
    EXPECT_EQ(resumed.steps(), 3 * 6 * 5);
    EXPECT_EQ(resumed.checkpoint(), middle) << agent;
    EXPECT_EQ(after(resumed, 3), wanted) << agent;
  }
}

/// Value loss of the first rollout by the definition of returns, and the ends of its episodes;
/// without gradients, masks or V-trace; lambda is 1.
struct FirstRollout {
  double value_loss = 0;
  int timeouts = 0, paid_timeouts = 0, goals = 0;  // paid: with a reward in the last step
};
FirstRollout first_rollout(const NavigateConfig& config,
                           const std::shared_ptr<const maze::Level>& level) {
  const torch::NoGradGuard no_grad;
  const auto& train = config.train;
  const int worlds = train.worlds;
  auto agent = load_agent(config, Trainer(config, level).checkpoint(), "start");
  maze::VectorEnv batch(level, {.worlds = worlds,
                                .threads = 2,
                                .render = {.width = config.size, .height = config.size},
                                .action_repeat = config.action_repeat});
  const auto frames = torch::zeros({worlds, 3, config.size, config.size}, torch::kUInt8),
             final_frames = torch::zeros_like(frames);
  const auto velocity = torch::zeros({worlds, 6}), final_velocity = torch::zeros({worlds, 6}),
             reward = torch::zeros({worlds});
  const auto last_action = torch::zeros({worlds}, torch::kInt32);
  std::vector<std::uint8_t> is_done(static_cast<std::size_t>(worlds)),
      is_truncated(static_cast<std::size_t>(worlds));
  const maze::StepBuffers buffers{.rgb = nn::values_of<std::uint8_t>(frames),
                                  .velocity = nn::values_of<float>(velocity),
                                  .reward = nn::values_of<float>(reward),
                                  .is_done = is_done,
                                  .is_truncated = is_truncated,
                                  .last_action = nn::values_of<std::int32_t>(last_action),
                                  .final_rgb = nn::values_of<std::uint8_t>(final_frames),
                                  .final_velocity = nn::values_of<float>(final_velocity)};
  const Key key{config.seed}, worlds_key = fold_in(key, 1), actions_key = fold_in(key, 2);
  batch.reset(worlds_key, buffers);

  const auto ones = torch::ones({worlds});
  auto last_reward = torch::zeros({worlds}), keep = ones.clone();
  auto state = agent->initial_state(worlds);
  // [T][N]; `rest`: what follows an episode's last step in its return.
  using Rows = std::vector<std::vector<double>>;
  Rows values, rewards, rest, continues;
  const auto row = [&](const torch::Tensor& tensor) {
    const auto all = tensor.to(torch::kFloat64).contiguous();
    return std::vector<double>(all.data_ptr<double>(), all.data_ptr<double>() + worlds);
  };
  FirstRollout result;
  for (int t = 0; t < train.unroll; ++t) {
    const auto out = agent->forward({frames, velocity, last_reward, last_action}, state, keep);
    std::vector<std::int32_t> actions;
    for (int i = 0; i < worlds; ++i) {
      const Key draw =
          fold_in(actions_key, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(t));
      actions.push_back(sample_action(out.logits.data_ptr<float>() + i * maze::kActions,
                                      maze::kActions, Stream(draw).uniform()));
    }
    batch.step(actions, buffers);
    state = out.state;
    const auto taken = torch::tensor(torch::ArrayRef<std::int32_t>(actions));
    values.push_back(row(out.value));
    rewards.push_back(row(reward));
    rest.push_back(
        row(agent->forward({final_frames, final_velocity, reward, taken}, state, ones).value));
    continues.emplace_back();
    for (int i = 0; i < worlds; ++i) {
      const auto lane = static_cast<std::size_t>(i);
      const bool is_timeout = is_truncated[lane] != 0, is_over = is_done[lane] != 0;
      continues.back().push_back(is_over ? 0 : 1);
      if (!is_timeout || !train.bootstrap_timeouts) rest.back()[lane] = 0;
      result.timeouts += is_timeout ? 1 : 0;
      result.paid_timeouts += is_timeout && rewards.back()[lane] != 0 ? 1 : 0;
      result.goals += is_over && !is_timeout ? 1 : 0;
    }
    keep = torch::tensor(torch::ArrayRef<double>(continues.back())).to(torch::kFloat32);
    last_reward = reward * keep;
  }
  const auto bootstrap =
      row(agent->forward({frames, velocity, last_reward, last_action}, state, keep).value);
  for (std::size_t i = 0; i < bootstrap.size(); ++i) {
    double next = bootstrap[i];
    for (std::size_t t = values.size(); t-- > 0;) {
      next = train.reward_scale * rewards[t][i] +
             train.discount * (continues[t][i] != 0 ? next : rest[t][i]);
      result.value_loss += 0.5 * (next - values[t][i]) * (next - values[t][i]);
    }
  }
  result.value_loss /= static_cast<double>(train.worlds) * train.unroll;
  return result;
}

TEST(Trainer, ATimeoutIsWorthTheValueOfItsLastObservation) {
  // Nine cells: some episodes end by the goal, the others by the time limit of twelve steps.
  const auto level = std::make_shared<const maze::Level>(maze::parse_level(R"(
reading = "cells"
map = """
*****
*AAA*
*APG*
*AAA*
*****
"""
[rules]
episode_frames = 48
does_goal_end_episode = true
reward_apple = 20
)",
                                                                           "nine_cells"));
  struct Case {
    const char* agent;
    int size;
  };
  for (const auto& [agent, size] : {Case{"nav+d1+d2+l", 36}, Case{"nav", 84}, Case{"ff", 36}}) {
    auto config = tiny_config();
    config.agent = agent;
    config.size = size;
    config.train.unroll = 30;
    config.train.worlds = 13;
    config.train.precision = ops::PrecisionChoice::kFp32;
    config.train.reward_scale = 0.001;  // so that values weigh as much as rewards
    double with = 0;
    for (const bool is_on : {true, false}) {
      config.train.bootstrap_timeouts = is_on;
      const auto wanted = first_rollout(config, level);
      EXPECT_GT(wanted.timeouts, 3);
      EXPECT_GT(wanted.paid_timeouts, 0);
      EXPECT_GT(wanted.goals, 0);
      Trainer trainer(config, level);
      trainer.update();
      double got = 0;
      for (const auto& metric : trainer.take_metrics()) {
        if (metric.name == "loss_value") got = metric.value.value_or(0);
      }
      // Another order of summation.
      EXPECT_NEAR(got, wanted.value_loss, 1e-4 * wanted.value_loss) << agent << " " << is_on;
      if (is_on) {
        with = got;
      } else {
        EXPECT_GT(std::abs(got - with), 1e-2 * with) << agent;
      }
    }
  }
}

TEST(Trainer, RefusesWhatIsNotItsCheckpoint) {
  Trainer trainer(tiny_config(), tiny_level());
  const auto good = after(trainer, 1);
  auto altered = good;
  altered[altered.size() - 100] ^= std::byte{1};
  EXPECT_NE(refusal(trainer, altered).find("the data was altered"), std::string::npos);
  const std::span<const std::byte> truncated(good.data(), good.size() / 2);
  EXPECT_NE(refusal(trainer, truncated).find("file: "), std::string::npos);

  auto larger = tiny_config();
  larger.lstm2 = 17;
  Trainer different(larger, tiny_level());
  EXPECT_NE(refusal(different, good).find("must be [68, 278], got [64, 278]"), std::string::npos)
      << refusal(different, good);

  nn::TensorFile foreign;
  EXPECT_NE(
      refusal(trainer, nn::write_safetensors(foreign)).find("metadata 'clew.format' is missing"),
      std::string::npos);

  auto file = nn::parse_safetensors(good, "good");
  file.tensors["agent.fc_bias"].dtype = "I32";
  EXPECT_NE(
      refusal(trainer, nn::write_safetensors(file)).find("'agent.fc_bias' must be F32, got I32"),
      std::string::npos);
  file = nn::parse_safetensors(good, "good");
  file.tensors.erase("optimizer.square");
  EXPECT_NE(refusal(trainer, nn::write_safetensors(file)).find("'optimizer.square' is missing"),
            std::string::npos);
  file = nn::parse_safetensors(good, "good");
  file.metadata["steps"] = "many";
  EXPECT_NE(
      refusal(trainer, nn::write_safetensors(file)).find("metadata 'steps' must be a whole number"),
      std::string::npos);

  auto other_level = tiny_level();
  auto changed = *other_level;
  changed.rules.reward_goal = 3;
  Trainer elsewhere(tiny_config(), std::make_shared<const maze::Level>(changed));
  EXPECT_NE(refusal(elsewhere, good), "no error");
}

TEST(Trainer, StopsWithTheLossThatIsNotANumber) {
  Trainer trainer(tiny_config(), tiny_level());
  const auto good = after(trainer, 2);
  auto file = nn::parse_safetensors(good, "good");
  const float nan = std::nanf("");
  file.tensors.at("agent.value_bias").data = std::as_bytes(std::span(&nan, 1));
  trainer.restore(nn::write_safetensors(file), "poisoned");
  try {
    trainer.update();
    FAIL() << "training went on";
  } catch (const Error& error) {
    EXPECT_EQ(
        std::string(error.what()).rfind("training stopped at step 60: the policy loss is nan", 0),
        0U)
        << error.what();
  }
  // The last good state is unchanged.
  trainer.restore(good, "good");
  EXPECT_EQ(trainer.checkpoint(), good);
}

TEST(Trainer, RefusesFewerWorldsThanWorkers) {
  auto config = tiny_config();
  config.train.worlds = 1;
  EXPECT_THROW(Trainer(config, tiny_level()), Error);
}

TEST(Trainer, EveryWeightMoves) {
  Trainer trainer(tiny_config(), tiny_level());
  const auto before = trainer.checkpoint();
  const auto later = after(trainer, 8);
  const auto first = nn::parse_safetensors(before, "before"),
             second = nn::parse_safetensors(later, "later");
  int weights = 0;
  for (const auto& [name, entry] : first.tensors) {
    if (!name.starts_with("agent.")) continue;
    ++weights;
    const auto& now = second.tensors.at(name).data;
    EXPECT_FALSE(std::equal(entry.data.begin(), entry.data.end(), now.begin(), now.end())) << name;
  }
  EXPECT_EQ(weights, 6 + 8 + 4 + 12);
}

}  // namespace trainer_test
}  // namespace clew::navigate
