// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/masks.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>

#include "clew/detect/faster_rcnn.h"
#include "clew/detect/losses.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace masks_test {

torch::Tensor rectangle(std::int64_t height, std::int64_t width, std::int64_t y0, std::int64_t x0,
                        std::int64_t y1, std::int64_t x1) {
  auto mask = torch::zeros({height, width}, torch::kUInt8);
  mask.slice(0, y0, y1).slice(1, x0, x1).fill_(1);
  return mask;
}

TEST(PasteMask, FillsItsBoxAndIsCutAtTheEdges) {
  const auto full = torch::ones({28, 28});
  const auto inside = paste_mask(full, torch::tensor({10.0F, 20.0F, 66.0F, 76.0F}), {100, 100});
  const auto wanted = rectangle(100, 100, 20, 10, 77, 67);  // its last pixels included
  // Half a bin of the border of zeros, two pixels, is where the stretched mask falls to a half.
  EXPECT_EQ((inside & ~wanted & 1).sum().item<std::int64_t>(), 0);
  EXPECT_GE(inside.sum().item<std::int64_t>(), 52 * 52);
  const auto outside = paste_mask(full, torch::tensor({-30.0F, -30.0F, 20.0F, 20.0F}), {64, 32});
  EXPECT_EQ(outside[0][0].item<int>(), 1);
  EXPECT_EQ(outside.sum().item<std::int64_t>(),
            outside.slice(0, 0, 21).slice(1, 0, 21).sum().item<std::int64_t>());
  EXPECT_EQ(paste_mask(full, torch::tensor({90.0F, 0.0F, 95.0F, 5.0F}), {64, 32})
                .sum()
                .item<std::int64_t>(),
            0);
  expect_error(
      [&] {
        (void)paste_mask(torch::ones({2, 3}), torch::ones({4}), {8, 8});
      },
      "a mask must be [M,M] and its box [4], got [2, 3] and [4]");
}

TEST(MaskTargets, ShareOfEachBinThatTheObjectCovers) {
  const auto masks =
      torch::stack({torch::zeros({60, 60}, torch::kUInt8), rectangle(60, 60, 0, 0, 60, 28)});
  const auto targets = mask_targets(masks, torch::tensor({{0.0F, 0.0F, 56.0F, 56.0F}}),
                                    torch::tensor({1}, torch::kInt64));
  ASSERT_EQ(targets.sizes(), (torch::IntArrayRef{1, kMaskSide, kMaskSide}));
  EXPECT_TRUE(targets[0].slice(1, 0, 13).eq(1).all().item<bool>());
  EXPECT_TRUE(targets[0].slice(1, 15).eq(0).all().item<bool>());
  EXPECT_EQ(mask_targets(masks, torch::zeros({0, 4}), torch::zeros({0}, torch::kInt64)).size(0), 0);
}

TEST(MaskBits, AreasAndOverlapsAreThoseOfThePixels) {
  torch::manual_seed(3);
  for (const std::int64_t side : {1, 7, 8, 13, 64}) {
    const auto a = torch::rand({side, side}).gt(0.5).to(torch::kUInt8),
               b = torch::rand({side, side}).gt(0.3).to(torch::kUInt8);
    const MaskBits own(a), truth(b);
    EXPECT_EQ(own.area(), a.sum().item<std::int64_t>());
    const auto both = (a & b).sum().item<double>(), either = (a | b).sum().item<double>();
    EXPECT_EQ(own.intersection(truth), static_cast<std::int64_t>(both));
    EXPECT_DOUBLE_EQ(own.iou(truth), either == 0 ? 0 : both / either);
    const auto area = static_cast<double>(own.area());
    EXPECT_DOUBLE_EQ(own.iou(truth, true), area == 0 ? 0 : both / area);
  }
  EXPECT_EQ(MaskBits(torch::zeros({3, 3}, torch::kUInt8))
                .iou(MaskBits(torch::zeros({3, 3}, torch::kUInt8))),
            0);
}

FasterRcnn masked_network() {
  auto options = detector_options("mobilenet_v2_fpn", 3);
  options.short_side = options.long_side = 64;
  options.has_masks = true;
  options.least_score = 0;
  torch::manual_seed(1);
  return FasterRcnn("mobilenet_v2_fpn", options);
}

TEST(MaskRcnn, DetectionsHaveMasksInBothForms) {
  auto network = masked_network();
  network->eval();
  const std::vector<torch::Tensor> images = {torch::rand({3, 40, 64}), torch::rand({3, 128, 100})};
  const auto plain = network->detect(images), fused = FusedDetector(network).detect(images);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto count = plain[i].labels.size(0);
    ASSERT_GT(count, 0);
    ASSERT_EQ(plain[i].masks.sizes(), (torch::IntArrayRef{count, kMaskSide, kMaskSide}));
    EXPECT_GE(plain[i].masks.min().item<float>(), 0);
    EXPECT_LE(plain[i].masks.max().item<float>(), 1);
    EXPECT_GT(plain[i].masks.std().item<float>(), 1e-4);
    ASSERT_EQ(fused[i].masks.sizes(), plain[i].masks.sizes());
  }
}

TEST(MaskRcnn, LossReachesItsHeadsAndNeedsMasks) {
  auto network = masked_network();
  network->train();
  const std::vector<torch::Tensor> images = {torch::rand({3, 64, 64}), torch::rand({3, 64, 50})};
  std::vector<Objects> objects = {{.boxes = torch::tensor({{4.0F, 4.0F, 40.0F, 40.0F}}),
                                   .labels = torch::tensor({2}, torch::kInt64),
                                   .masks = rectangle(64, 64, 4, 4, 40, 20).unsqueeze(0)},
                                  {.boxes = torch::zeros({0, 4}),
                                   .labels = torch::zeros({0}, torch::kInt64),
                                   .masks = torch::zeros({0, 64, 50}, torch::kUInt8)}};
  const auto losses = detector_losses(*network, {images, objects}, random_samplers(Key{1}));
  EXPECT_GT(losses.masks.item<double>(), 0.1);
  losses.sum().backward();
  for (const auto& item : network->named_parameters()) {
    if (!item.key().starts_with("roi_heads.mask")) continue;
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<double>(), 0) << item.key();
  }
  // No object in the batch: the loss is zero, and finite.
  const auto none = detector_losses(*network, {{images[1]}, {objects[1]}}, random_samplers(Key{1}));
  EXPECT_EQ(none.masks.item<double>(), 0);
  none.sum().backward();
  objects[0].masks = torch::Tensor();
  expect_error(
      [&] {
        (void)detector_losses(*network, {images, objects}, random_samplers(Key{1}));
      },
      "masks of picture 0 must be [N,H,W] u8, for 1 objects and a picture of 64x64");
}

}  // namespace masks_test
}  // namespace clew::detect
