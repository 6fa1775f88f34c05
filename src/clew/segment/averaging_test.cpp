// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/averaging.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "clew/segment/segment_task.h"

namespace clew::segment {
namespace averaging_test {

using Starts = std::vector<std::int64_t>;

/// A convolution, of one pixel or of a neighbourhood.
class OneConvolution : public SegmentationNetwork {
 public:
  explicit OneConvolution(std::int64_t kernel)
      : weight_(torch::randn({4, 3, kernel, kernel})), padding_(kernel / 2) {}
  Scores forward(const torch::Tensor& images, const Key* /*key*/) const override {
    return finish({torch::conv2d(images, weight_, {}, 1, padding_)}, images.size(2),
                  images.size(3));
  }
  std::vector<nn::LayerRow> layers() const override { return {}; }
  torch::Tensor prepare(const torch::Tensor& images) const override { return images; }
  DenseGraph dense_graph() const override { return {}; }
  Scores finish(const std::vector<torch::Tensor>& scores, std::int64_t height,
                std::int64_t width) const override {
    return {.main = {.map = scores.at(0)}, .height = height, .width = width};
  }
  std::vector<nn::OnnxValue> to_onnx(nn::OnnxGraph& /*graph*/,
                                     const std::vector<nn::OnnxValue>& /*inputs*/) const override {
    return {};
  }

 private:
  torch::Tensor weight_;
  std::int64_t padding_;
};

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Averaging, WindowsByHand) {
  EXPECT_EQ(window_starts(10, 10), Starts{0});
  EXPECT_EQ(window_starts(3, 10), Starts{0});
  EXPECT_EQ(window_starts(12, 9), (Starts{0, 3}));
  EXPECT_EQ(window_starts(17, 9), (Starts{0, 4, 8}));
  EXPECT_EQ(window_starts(4, 1), (Starts{0, 1, 2, 3}));
  for (std::int64_t side = 1; side < 60; ++side) {
    for (std::int64_t window = 1; window < 30; ++window) {
      const auto starts = window_starts(side, window);
      EXPECT_EQ(starts[0], 0);
      if (side > window) {
        EXPECT_EQ(starts.back(), side - window);
      }
      for (std::size_t i = 1; i < starts.size(); ++i)
        EXPECT_LE(starts[i] - starts[i - 1], std::max<std::int64_t>(1, 2 * window / 3));
    }
  }
}

TEST(Averaging, OneWindowIsThePlainPrediction) {
  torch::manual_seed(1);
  OneConvolution network(5);
  network.eval();
  const auto image = torch::rand({3, 20, 31});
  const auto plain = network.forward(image.unsqueeze(0), nullptr).logits().softmax(1)[0];
  for (const int window : {0, 31, 100})
    EXPECT_TRUE(mean_probabilities(network, image, {.window = window}).equal(plain));
  EXPECT_TRUE(classes_of(network, image, {.window = 31}).equal(classes_of(network, image)));
}

TEST(Averaging, WindowsOfANetworkOfPixelsChangeNothing) {
  torch::manual_seed(2);
  OneConvolution network(1);
  network.eval();
  const auto image = torch::rand({3, 20, 31});
  const auto plain = network.forward(image.unsqueeze(0), nullptr).logits().softmax(1)[0];
  for (const int window : {1, 7, 16, 25})
    for (const bool has_flip : {false, true})
      EXPECT_LT(
          largest_difference(
              mean_probabilities(network, image, {.has_flip = has_flip, .window = window}), plain),
          1e-5)
          << window;
}

TEST(Averaging, WindowsAreAveragedByHand) {
  torch::manual_seed(3);
  OneConvolution network(3);
  network.eval();
  const auto image = torch::rand({3, 4, 12});
  const auto found = mean_probabilities(network, image, {.window = 9});  // from 0 and from 3
  const auto of = [&](std::int64_t left) {
    return network.forward(image.narrow(2, left, 9).unsqueeze(0), nullptr).logits()[0].softmax(0);
  };
  const auto first = of(0), second = of(3);
  EXPECT_LT(largest_difference(found.narrow(2, 0, 3), first.narrow(2, 0, 3)), 1e-6);
  EXPECT_LT(largest_difference(found.narrow(2, 3, 6),
                               (first.narrow(2, 3, 6) + second.narrow(2, 0, 6)) / 2),
            1e-6);
  EXPECT_LT(largest_difference(found.narrow(2, 9, 3), second.narrow(2, 6, 3)), 1e-6);
}

TEST(Averaging, FlipOfASymmetricPicture) {
  torch::manual_seed(4);
  OneConvolution network(3);
  network.eval();
  const auto half = torch::rand({3, 8, 6});
  const auto image = torch::cat({half, half.flip({2})}, 2);
  const auto plain = mean_probabilities(network, image, {}),
             found = mean_probabilities(network, image, {.has_flip = true});
  EXPECT_GT(largest_difference(plain, plain.flip({2})), 1e-2);
  EXPECT_LT(largest_difference(found, found.flip({2})), 1e-6);
  EXPECT_LT(largest_difference(found, (plain + plain.flip({2})) / 2), 1e-6);
  EXPECT_LT(largest_difference(found.sum(0), torch::ones({8, 12})), 1e-5);
}

}  // namespace averaging_test
}  // namespace clew::segment
