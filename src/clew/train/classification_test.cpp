// SPDX-License-Identifier: Apache-2.0
#include "clew/train/classification.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

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

/// Example i is the number i, its class i % 3.
class Counted : public data::Dataset {
 public:
  std::int64_t size() const override { return 10; }
  data::Example get(std::int64_t index, const Key&) const override {
    return {{"image", torch::tensor({static_cast<float>(index)})},
            {"label", torch::tensor(index % 3)}};
  }
  data::Columns columns() const override { return data::image_and_label({1}); }
};

TEST(ClassifyAll, CountsAndSorts) {
  // Right but for 4 (taken for 2) and 9 (taken for 1, with more confidence).
  const auto forward = [](const torch::Tensor& inputs) {
    const auto numbers = inputs.flatten().to(torch::kInt64);
    auto predicted = numbers.remainder(3);
    predicted = torch::where(numbers == 4, torch::full_like(predicted, 2), predicted);
    predicted = torch::where(numbers == 9, torch::full_like(predicted, 1), predicted);
    return torch::one_hot(predicted, 3).to(torch::kFloat32) *
           (numbers + 1).to(torch::kFloat32).unsqueeze(1);
  };
  for (const int loaders : {0, 2}) {
    const auto report = classify_all(forward, Counted(), {.batch = 4, .loaders = loaders});
    EXPECT_EQ(report.examples, 10);
    EXPECT_DOUBLE_EQ(report.error, 0.2);
    EXPECT_EQ(report.confusion, (std::vector<std::int64_t>{3, 1, 0, 0, 2, 1, 0, 0, 3}));
    ASSERT_EQ(report.worst.size(), 2U);
    EXPECT_EQ(report.worst[0].index, 9);
    EXPECT_EQ(report.worst[0].target, 0);
    EXPECT_EQ(report.worst[0].predicted, 1);
    EXPECT_NEAR(report.worst[0].confidence, 1 / (1 + 2 * std::exp(-10.0)), 1e-6);
    EXPECT_EQ(report.worst[1].index, 4);
    EXPECT_EQ(report.classes, (std::vector<std::string>{"0", "1", "2"}));
    double loss = 0;
    for (int i = 0; i < 10; ++i) {
      const double wrong = i == 4 || i == 9 ? i + 1 : 0;
      loss += std::log(std::exp(i + 1.0) + 2) - (i + 1) + wrong;
    }
    EXPECT_NEAR(report.loss, loss / 10, 1e-5);
  }
  EXPECT_EQ(classify_all(forward, Counted(), {.worst = 1}).worst.size(), 1U);
}

}  // namespace classification_test
}  // namespace clew::train
