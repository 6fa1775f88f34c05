// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/trainer.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <array>
#include <cmath>
#include <memory>
#include <string>

#include "clew/core/error.h"
#include "clew/maze/level_text.h"
#include "clew/nn/safetensors.h"
#include "tests/support/expect_error.h"

namespace clew::navigate {
namespace trainer_test {

std::shared_ptr<const maze::Level> tiny_level() {
  return std::make_shared<const maze::Level>(maze::load_builtin("tiny"));
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
  // Nothing was changed, so the last good state is still the last good state.
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
