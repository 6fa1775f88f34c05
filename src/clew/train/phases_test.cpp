// SPDX-License-Identifier: Apache-2.0
// Trainings in phases.
#include "clew/train/phases.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"
#include "tests/support/supervised_task.h"

namespace clew::train {
namespace supervised_test {

std::vector<Phase> two_phases(const QuadrantTask& first, const QuadrantTask& second) {
  auto with = options();
  with.steps = 12;
  with.eval_steps = 6;
  auto last = with;
  last.lr = 0.005;
  last.optimizer = OptimizerKind::kSgd;
  last.ema = 0;
  return {{.name = "head", .task = &first, .options = with, .rules = {frozen("first")}},
          {.name = "all", .task = &second, .options = last}};
}

TEST(Phases, EachHasItsRulesAndTheWeightsOfTheOneBefore) {
  QuadrantTask first, second;
  second.has_mask = true;
  Phases learner(two_phases(first, second), Key{1});
  const auto weights = [&](const char* name) {
    return learner.learner().network().named_parameters()[name].detach().clone();
  };
  const auto begun = weights("first.weight");
  torch::Tensor averaged;
  int best = 0;
  for (int i = 0; i < 12; ++i) {
    learner.update();
    best += learner.is_best();
  }
  EXPECT_EQ(best, 0);  // not yet the phase whose weights count
  EXPECT_EQ(learner.phase(), 0U);
  EXPECT_FALSE(learner.is_finished());
  EXPECT_TRUE(weights("first.weight").equal(begun));
  learner.learner().with_evaluated_weights([&] { averaged = weights("last.weight"); });
  EXPECT_EQ(metric(learner.take_metrics(), "phase"), 1);
  learner.update();
  EXPECT_EQ(learner.phase(), 1U);
  EXPECT_EQ(learner.steps(), 13);
  EXPECT_FALSE(weights("first.weight").equal(begun));
  EXPECT_LT((weights("last.weight") - averaged).abs().max().item<double>(), 0.05);
  while (!learner.is_finished()) learner.update();
  EXPECT_EQ(learner.steps(), 24);
  NetworkImpl network;
  load_network(network, learner.checkpoint(), "checkpoint");
  EXPECT_TRUE(network.first->weight.equal(weights("first.weight")));
}

TEST(Phases, ResumedEqualsNeverStopped) {
  QuadrantTask first, second;
  second.has_mask = true;
  Phases whole(two_phases(first, second), Key{1});
  while (!whole.is_finished()) whole.update();
  std::vector<std::byte> bytes;
  for (const int steps : {5, 7, 1, 11}) {  // within a phase, right between two, behind it
    Phases part(two_phases(first, second), Key{1});
    if (!bytes.empty()) part.restore(bytes, "checkpoint");
    for (int i = 0; i < steps; ++i) part.update();
    bytes = part.checkpoint();
  }
  EXPECT_EQ(bytes, whole.checkpoint());
}

TEST(Phases, SaysWhatIsWrong) {
  QuadrantTask task;
  expect_error<UsageError>([] { Phases({}, Key{1}); },
                           "a training must have at least one phase, got none");
  auto phases = two_phases(task, task);
  phases[1].options.lr = -1;
  const auto error = error_of([&] { Phases(phases, Key{1}); });
  EXPECT_TRUE(error.starts_with("phase 'all': options: train.lr must be ")) << error;
  Phases learner(two_phases(task, task), Key{1});
  EXPECT_THROW(learner.restore(Supervised(task, options(), Key{1}).checkpoint(), "other"), Error);
}

}  // namespace supervised_test
}  // namespace clew::train
