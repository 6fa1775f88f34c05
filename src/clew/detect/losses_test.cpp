// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/losses.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <vector>

#include "tests/support/expect_error.h"

namespace clew::detect {
namespace losses_test {

FasterRcnn small_network() {
  auto options = detector_options("mobilenet_v3_large_320_fpn", 3);
  options.short_side = options.long_side = 64;
  torch::manual_seed(1);
  FasterRcnn network("mobilenet_v3_large_320_fpn", options);
  network->train();
  return network;
}

Objects objects(const std::vector<float>& edges, const std::vector<std::int64_t>& labels) {
  return {torch::tensor(edges).view({-1, 4}), torch::tensor(labels, torch::kInt64)};
}

TEST(DetectorLosses, TheKeyDecidesAndPicturesWithoutObjectsCount) {
  auto network = small_network();
  const std::vector<torch::Tensor> images = {torch::rand({3, 40, 64}), torch::rand({3, 64, 50})};
  const std::vector<Objects> found = {objects({4, 4, 30, 30}, {2}), objects({}, {})};
  const auto loss = [&](std::uint64_t key) {
    return detector_losses(*network, {images, found}, random_samplers(Key{key})).sum();
  };
  const auto first = loss(1);
  EXPECT_TRUE(torch::isfinite(first).item<bool>());
  EXPECT_TRUE(torch::equal(first, loss(1)));
  first.backward();
  for (const auto& item : network->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
  const auto none = detector_losses(*network, {images, {objects({}, {}), objects({}, {})}},
                                    random_samplers(Key{1}));
  EXPECT_TRUE(torch::isfinite(none.sum()).item<bool>());
  EXPECT_EQ(none.boxes.item<float>(), 0);
}

TEST(AnchorTargets, CrossingAnchorsAreIgnored) {
  const auto anchors = torch::tensor({{-1.0F, 0.0F, 20.0F, 20.0F},   // crosses, the object's best
                                      {0.0F, 0.0F, 12.0F, 12.0F},    // the best of those inside
                                      {30.0F, 30.0F, 40.0F, 40.0F},  // the edge belongs to it
                                      {30.0F, 30.0F, 41.0F, 40.0F}});
  const auto one = objects({0, 0, 19, 19}, {1});
  const auto all = anchor_targets(anchors, one);
  EXPECT_TRUE(all.labels.equal(torch::tensor({1, -1, 0, 0}, torch::kInt64)));
  const auto inner = inner_anchor_targets(anchors, {40, 40}, one);
  EXPECT_TRUE(inner.labels.equal(torch::tensor({-1, 1, 0, -1}, torch::kInt64)));
  EXPECT_TRUE(inner.boxes[1].equal(one.boxes[0]));
  const auto none = inner_anchor_targets(anchors.slice(0, 0, 1), {40, 40}, one);
  EXPECT_TRUE(none.labels.equal(torch::tensor({-1}, torch::kInt64)));
}

TEST(DetectorLosses, PartsAreThoseOfTheWhole) {
  auto network = small_network();
  const TrainingPictures pictures{.images = {torch::rand({3, 40, 64})},
                                  .objects = {objects({4, 4, 30, 30}, {2})}};
  const auto samplers = random_samplers(Key{3});
  const auto both = detector_losses(*network, pictures, samplers);
  const auto proposals = proposal_losses(*network, pictures, samplers);
  const auto detections = detection_losses(*network, *network, pictures, samplers);
  EXPECT_TRUE(proposals.objectness.equal(both.objectness));
  EXPECT_TRUE(proposals.proposal_boxes.equal(both.proposal_boxes));
  EXPECT_FALSE(proposals.classes.defined());
  EXPECT_TRUE(detections.classes.equal(both.classes));
  EXPECT_TRUE(detections.boxes.equal(both.boxes));
  EXPECT_FALSE(detections.objectness.defined());
  EXPECT_TRUE(proposals.sum().equal(both.objectness + both.proposal_boxes));
}

TEST(DetectorLosses, ObjectsThatCannotBe) {
  auto network = small_network();
  const auto error = [&](const Objects& one) {
    return error_of([&] {
      (void)detector_losses(*network, {{torch::rand({3, 40, 64})}, {one}}, random_samplers(Key{1}));
    });
  };
  EXPECT_EQ(error(objects({4, 4, 4, 30}, {1})),
            "boxes of picture 0 must be finite, with sides above 0");
  EXPECT_EQ(error(objects({4, 4, 30, 30}, {3})), "labels of picture 0 must be in 1..2, got 3");
  EXPECT_EQ(error(objects({4, 4, 30, 30}, {1, 2})),
            "objects of picture 0 must be boxes [N,4] f and labels [N] i64");
  EXPECT_EQ(
      error_of([&] {
        (void)detector_losses(*network, {{torch::rand({3, 40, 64})}, {}}, random_samplers(Key{1}));
      }),
      "objects must be of 1 pictures, got 0");
}

}  // namespace losses_test
}  // namespace clew::detect
