// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clew/classify/multilabel_task.h"
#include "clew/classify/systems.h"
#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::classify {
namespace multilabel_test {

TEST(AveragePrecision, ByHand) {
  // Sorted: 1 (yes), 2 (no), 3 (yes), 4 (no): precision 1 at recall 1/2, 2/3 at recall 1.
  EXPECT_DOUBLE_EQ(
      average_precision(std::vector<double>{0.4, 0.9, 0.8, 0.1}, {true, true, false, false}),
      0.5 * 1 + 0.5 * 2 / 3);
  // Equal scores are one threshold: precision 1/2 at recall 1.
  EXPECT_DOUBLE_EQ(average_precision(std::vector<double>{1, 1}, {true, false}), 0.5);
  EXPECT_TRUE(std::isnan(average_precision(std::vector<double>{1, 2}, {false, false})));
  expect_error([] { (void)average_precision(std::vector<double>{1}, {}); },
               "scores and labels must be of one length, got 1 and 0 (average_precision)");
}

MultilabelConfig small() {
  MultilabelConfig config;
  config.backbone = "mobilenet_v3_small";
  config.data.scenes = 48;
  return config;
}

TEST(Multilabel, ScenesHaveTheLabelsOfTheirObjects) {
  const MultilabelTask task(small());
  const auto& set = task.train_set();
  double labels = 0;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto example = set.get(i, Key{});
    EXPECT_EQ(example["labels"][i % 12].item<float>(), 1);
    labels += example["labels"].sum().item<double>();
  }
  EXPECT_GT(labels, 1.3 * static_cast<double>(set.size()));
}

TEST(Multilabel, TheEvaluatorDoesNotDependOnTheCut) {
  torch::manual_seed(4);
  const auto logits = torch::randn({30, 3});
  const auto labels = torch::rand({30, 3}).gt(0.6).to(torch::kFloat32);
  const auto measured = [&](std::vector<std::int64_t> cuts) {
    MultilabelEvaluator whole({"a", "b", "c"});
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      MultilabelEvaluator part({"a", "b", "c"});
      data::Batch outputs, batch;
      outputs.set("logits", logits.slice(0, cuts[i], cuts[i + 1]));
      batch.set("labels", labels.slice(0, cuts[i], cuts[i + 1]));
      batch.indices = torch::arange(cuts[i], cuts[i + 1]);
      part.add(outputs, batch);
      whole.merge(part.bytes());
    }
    return whole.result();
  };
  const auto one = measured({0, 30}), three = measured({0, 7, 20, 30});
  ASSERT_EQ(one.size(), 3U);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].value, three[i].value);
  EXPECT_NEAR(one[0].value, torch::binary_cross_entropy_with_logits(logits, labels).item<double>(),
              1e-6);
  EXPECT_NEAR(one[1].value,
              logits.gt(0).ne(labels.gt(0.5)).to(torch::kFloat32).mean().item<double>(), 1e-6);
}

TEST(Multilabel, SomeClassesOfScenesAreRefused) {
  auto config = small();
  config.data.scene_classes = {"ball"};
  EXPECT_TRUE(error_of<UsageError>([&] {
                MultilabelTask task(config);
              }).starts_with("data.scene_classes must be empty"));
}

}  // namespace multilabel_test
}  // namespace clew::classify
