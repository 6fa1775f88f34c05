// SPDX-License-Identifier: Apache-2.0
#include "clew/train/classification.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "clew/core/error.h"

namespace clew::train {
namespace classification_test {

TEST(ClassificationLoss, ByHand) {
  const auto logits = torch::tensor({{0.0, std::log(3.0)}, {std::log(9.0), 0.0}});
  const auto loss = classification_loss(logits, torch::tensor({1, 1}, torch::kInt64));
  // Probabilities of the targets are 3/4 and 1/10.
  EXPECT_NEAR(loss.value.item<double>(), -(std::log(0.75) + std::log(0.1)) / 2, 1e-6);
  EXPECT_EQ(loss.metrics[0].name, "loss");
  EXPECT_EQ(*loss.metrics[0].value, loss.value.item<double>());
  EXPECT_EQ(loss.metrics[1].name, "error");
  EXPECT_EQ(*loss.metrics[1].value, 0.5);
  EXPECT_THROW(classification_loss(logits, torch::zeros({3}, torch::kInt64)), Error);
}

TEST(ClassificationLoss, NamesALabelThatIsNoClass) {
  try {
    (void)classification_loss(torch::zeros({3, 2}), torch::tensor({0, 1, 5}, torch::kInt64));
    FAIL();
  } catch (const data::ExampleError& error) {
    EXPECT_STREQ(error.what(), "a label must be in 0..1, got 5");
    EXPECT_EQ(error.place(), 2U);
  }
}

/// Examples first..first+count-1: example i is of class i % 3, and taken for it with a logit of i + 1,
/// but for 4 (taken for 2) and 9 (taken for 1, with more confidence).
void add(ClassificationEvaluator& evaluator, std::int64_t first, std::int64_t count) {
  data::Batch outputs, batch;
  batch.indices = torch::arange(first, first + count);
  auto predicted = batch.indices.remainder(3);
  batch.set("label", predicted);
  predicted = torch::where(batch.indices == 4, torch::full_like(predicted, 2), predicted);
  predicted = torch::where(batch.indices == 9, torch::full_like(predicted, 1), predicted);
  outputs.set("logits", torch::one_hot(predicted, 3).to(torch::kFloat32) *
                            (batch.indices + 1).to(torch::kFloat32).unsqueeze(1));
  evaluator.add(outputs, batch);
}

TEST(ClassificationEvaluator, CountsAndSorts) {
  const std::vector<std::string> classes = {"a", "b", "c"};
  ClassificationEvaluator evaluator(classes);
  add(evaluator, 0, 10);
  const auto report = evaluator.report();
  EXPECT_EQ(report.examples, 10);
  EXPECT_DOUBLE_EQ(report.error, 0.2);
  EXPECT_EQ(report.confusion, (std::vector<std::int64_t>{3, 1, 0, 0, 2, 1, 0, 0, 3}));
  ASSERT_EQ(report.worst.size(), 2U);
  EXPECT_EQ(report.worst[0].index, 9);
  EXPECT_EQ(report.worst[0].target, 0);
  EXPECT_EQ(report.worst[0].predicted, 1);
  EXPECT_NEAR(report.worst[0].confidence, 1 / (1 + 2 * std::exp(-10.0)), 1e-6);
  EXPECT_EQ(report.worst[1].index, 4);
  EXPECT_EQ(report.classes, classes);
  double loss = 0;
  for (int i = 0; i < 10; ++i) {
    const double wrong = i == 4 || i == 9 ? i + 1 : 0;
    loss += std::log(std::exp(i + 1.0) + 2) - (i + 1) + wrong;
  }
  EXPECT_NEAR(report.loss, loss / 10, 1e-5);
  EXPECT_EQ(evaluator.report(1).worst.size(), 1U);
  const auto measures = evaluator.result();
  ASSERT_EQ(measures.size(), 2U);
  EXPECT_EQ(measures[0].name, "loss");
  EXPECT_EQ(measures[0].value, report.loss);
  EXPECT_EQ(measures[0].unit, "nats");
  EXPECT_EQ(measures[1].name, "error");
  EXPECT_EQ(measures[1].value, report.error);
  EXPECT_FALSE(measures[1].larger_is_better);
}

TEST(ClassificationEvaluator, DoesNotDependOnHowTheSetWasCut) {
  const std::vector<std::string> classes = {"a", "b", "c"};
  ClassificationEvaluator whole(classes), first(classes), second(classes);
  add(whole, 0, 10);
  add(second, 0, 3);
  add(first, 3, 4);
  add(second, 7, 3);
  first.merge(second.bytes());
  EXPECT_EQ(first.bytes(), whole.bytes());
  EXPECT_EQ(first.report().loss, whole.report().loss);
  EXPECT_EQ(first.report().worst.at(1).index, 4);
  EXPECT_THROW(add(first, 9, 1), Error);  // twice
  EXPECT_TRUE(std::isnan(ClassificationEvaluator(classes).result().at(1).value));
  EXPECT_THROW(ClassificationEvaluator({"a", "b"}).merge("nonsense"), Error);
  ClassificationEvaluator few({"a", "b"});
  EXPECT_THROW(add(few, 0, 1), Error);
}

}  // namespace classification_test
}  // namespace clew::train
