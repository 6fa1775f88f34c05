// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/fused_segmentation.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::segment {
namespace fused_segmentation_test {

/// Scores that are not zero, and batch norms that are not the identity.
void scatter(torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : network.named_parameters())
    if (!item.key().starts_with("backbone.")) {
      auto parameter = item.value();
      parameter.add_(0.05 * torch::randn_like(parameter));
    }
  for (const auto& item : network.named_buffers()) {
    auto buffer = item.value();
    if (buffer.is_floating_point() && !item.key().starts_with("backbone."))
      buffer.add_(0.1 * torch::rand_like(buffer));
  }
}

TEST(FusedSegmentation, LogitsOfTheNetwork) {
  torch::manual_seed(1);
  const std::vector<NetworkOptions> all = {
      {.network = "fcn8s", .backbone = "mobilenet_v2", .classes = 3},
      {.network = "fcn16s", .backbone = "resnet18", .classes = 3},
      {.network = "fcn32s", .backbone = "resnet18", .output_stride = 8, .classes = 3},
      {.network = "fcn_resnet50", .backbone = "resnet50", .output_stride = 8, .classes = 3},
      {.network = "deeplabv3_resnet50", .backbone = "resnet50", .output_stride = 8, .classes = 3}};
  for (const auto& options : all) {
    const auto network = make_network(options);
    scatter(*network);
    network->eval();
    const FusedSegmentation fused(network);
    for (const auto& [height, width] : {std::pair{64, 96}, std::pair{33, 47}, std::pair{1, 7}}) {
      const auto images = torch::rand({2, 3, height, width});
      const torch::NoGradGuard no_grad;
      const auto wanted = network->forward(images).logits(), found = fused.scores(images).logits();
      ASSERT_EQ(found.sizes(), wanted.sizes()) << options.network;
      const double scale = wanted.abs().max().item<double>();
      EXPECT_GT(scale, 1e-3) << options.network;
      // FusedGraph's tolerance, for each of some fifty layers' rounding.
      EXPECT_LT((found - wanted).abs().max().item<double>(), 2e-4 * scale)
          << options.network << " " << options.backbone << " at " << height << "x" << width;
    }
    EXPECT_GT(fused.operations(33, 47), 1e6);
  }
}

TEST(FusedSegmentation, NeedsASegmentationNetwork) {
  expect_error([] { const FusedSegmentation fused(nullptr); },
               "a network must be one of segmentation");
}

}  // namespace fused_segmentation_test
}  // namespace clew::segment
