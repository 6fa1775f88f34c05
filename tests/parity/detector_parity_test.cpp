// SPDX-License-Identifier: Apache-2.0
// Faster R-CNN with torchvision's weights: each stage fed torchvision's tensors, then the whole.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/detect/losses.h"
#include "clew/detect/masks.h"
#include "clew/nn/weights.h"
#include "clew/ops/boxes/geometry.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace detector_parity_test {

constexpr std::int64_t kClasses = 7, kShortSide = 128, kLongSide = 224;

/// The largest difference as a share of the largest absolute value.
double relative_difference(const torch::Tensor& got, const torch::Tensor& wanted) {
  EXPECT_EQ(got.sizes(), wanted.sizes());
  if (got.sizes() != wanted.sizes()) return 1;
  if (got.numel() == 0) return 0;
  return ((got - wanted).abs().max() / wanted.abs().max()).item<double>();
}

double largest_difference(const torch::Tensor& got, const torch::Tensor& wanted) {
  EXPECT_EQ(got.sizes(), wanted.sizes());
  if (got.sizes() != wanted.sizes()) return 1e9;
  return got.numel() == 0 ? 0 : (got - wanted).abs().max().item<double>();
}

class DetectorParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    python_ = python_with({"torchvision"});
    if (!python_)
      GTEST_SKIP() << "no Python with torchvision: install python3-torchvision or set CLEW_PYTHON "
                      "to an interpreter that has it";
  }
  /// Runs the script, and gives our network with its weights; its tensors are in `theirs`.
  detect::FasterRcnn network_beside(const std::string& kind) {
    const TestFolder folder;
    run_python(*python_, "detector.py",
               {kind, GetParam(), std::to_string(kShortSide), std::to_string(kLongSide),
                folder / "weights.pth", folder / "theirs.pth"});
    for (auto& [name, tensor] : nn::read_tensors(folder / "theirs.pth")) theirs[name] = tensor;
    auto options = detect::detector_options(GetParam(), kClasses);
    options.short_side = kShortSide;
    options.long_side = kLongSide;
    if (options.anchors.size() == 1) {
      options.anchors[0].sizes = {16, 32, 64};
      options.least_proposal_side = 0;  // torchvision's has another unit
    }
    detect::FasterRcnn network(GetParam(), options);
    (void)nn::load_weights(*network, folder / "weights.pth");  // every name, or clew::Error
    return network;
  }

  std::map<std::string, torch::Tensor> theirs;

 private:
  std::optional<std::string> python_;
};

class DetectorLossParity : public DetectorParity {};

TEST_P(DetectorParity, EveryStageIsTorchvisions) {
  auto network = network_beside("stages");
  const auto numbered = [&](const std::string& label) {
    std::vector<torch::Tensor> all;
    for (int i = 0; theirs.contains(concat(label, ".", i)); ++i)
      all.push_back(theirs.at(concat(label, ".", i)));
    return all;
  };

  network->eval();
  const torch::NoGradGuard no_grad;

  const auto resized = network->resize(numbered("image"));
  EXPECT_LT(relative_difference(resized.images, theirs.at("resized")), 1e-5);
  for (std::size_t i = 0; i < resized.sizes.size(); ++i) {
    const auto wanted = theirs.at("sizes")[static_cast<std::int64_t>(i)];
    EXPECT_EQ(resized.sizes[i].height, wanted[0].item<std::int64_t>());
    EXPECT_EQ(resized.sizes[i].width, wanted[1].item<std::int64_t>());
  }

  const auto maps = network->features(theirs.at("resized")), their_maps = numbered("map");
  ASSERT_EQ(maps.size(), their_maps.size());
  for (std::size_t i = 0; i < maps.size(); ++i)
    EXPECT_LT(relative_difference(maps[i], their_maps[i]), 1e-4) << i;

  auto proposals =
      network->propose(their_maps, {theirs.at("resized").size(2), theirs.at("resized").size(3)});
  EXPECT_LT(relative_difference(proposals.objectness, theirs.at("objectness")), 1e-4);
  EXPECT_LT(relative_difference(proposals.codes, theirs.at("codes")), 1e-4);
  EXPECT_EQ(largest_difference(proposals.anchors, theirs.at("anchors")), 0);

  proposals.objectness = theirs.at("objectness");
  proposals.codes = theirs.at("codes");
  const auto boxes = network->select(proposals, resized), their_boxes = numbered("proposals");
  ASSERT_EQ(boxes.size(), their_boxes.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_GT(boxes[i].size(0), 20);
    // As a set: torchvision's order of equal scores is not defined.
    ASSERT_EQ(boxes[i].sizes(), their_boxes[i].sizes());
    const auto distances = (boxes[i].unsqueeze(1) - their_boxes[i].unsqueeze(0)).abs().amax(2);
    EXPECT_LT(distances.amin(0).max().item<double>(), 1e-3) << i;
    EXPECT_LT(distances.amin(1).max().item<double>(), 1e-3) << i;
  }

  const auto pooled = network->pool(their_maps, their_boxes, resized.sizes);
  EXPECT_LT(relative_difference(pooled, theirs.at("pooled")), 1e-4);
  const auto [logits, codes] = network->classify(theirs.at("pooled"));
  EXPECT_LT(relative_difference(logits, theirs.at("logits")), 1e-4);
  EXPECT_LT(relative_difference(codes, theirs.at("box_codes")), 1e-4);

  const auto decoded =
      network->decode(theirs.at("logits"), theirs.at("box_codes"), their_boxes, resized.sizes);
  std::int64_t count = 0;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    count += decoded[i].boxes.size(0);
    // As a set: torchvision's order of equal scores is not defined.
    const auto rows = [](const torch::Tensor& own, const torch::Tensor& scores,
                         const torch::Tensor& labels) {
      return torch::cat({own, 10 * scores.unsqueeze(1), 1e3 * labels.unsqueeze(1)}, 1);
    };
    const auto ours = rows(decoded[i].boxes, decoded[i].scores, decoded[i].labels);
    const auto wanted = rows(theirs.at(concat("boxes.", i)), theirs.at(concat("scores.", i)),
                             theirs.at(concat("labels.", i)));
    ASSERT_EQ(ours.sizes(), wanted.sizes());
    const auto distances = (ours.unsqueeze(1) - wanted.unsqueeze(0)).abs().amax(2);
    EXPECT_LT(distances.amin(0).max().item<double>(), 1e-3);
    EXPECT_LT(distances.amin(1).max().item<double>(), 1e-3);
  }
  EXPECT_GE(count, 50);

  if (network->options().has_masks) {
    const auto labels = torch::cat(numbered("labels"));
    const auto masks =
        torch::sigmoid(network->mask_logits(their_maps, numbered("boxes"), labels, resized.sizes));
    const auto wanted = torch::cat(numbered("masks")).squeeze(1);
    EXPECT_LT(relative_difference(masks, wanted), 1e-4);
    const auto pasted = numbered("final.masks"), final_boxes = numbered("final.boxes");
    std::int64_t row = 0, pixels = 0;
    for (std::size_t i = 0; i < pasted.size(); ++i) {
      for (std::int64_t k = 0; k < pasted[i].size(0); ++k, ++row) {
        const auto ours = detect::paste_mask(wanted[row], final_boxes[i][k],
                                             {pasted[i].size(2), pasted[i].size(3)});
        EXPECT_TRUE(ours.equal(pasted[i][k][0].gt(0.5).to(torch::kUInt8))) << i << ' ' << k;
        pixels += ours.sum().item<std::int64_t>();
      }
    }
    EXPECT_GT(pixels, 10'000);
  }

  // End to end equal scores may fall the other way: 99 % of the boxes are matched.
  const auto detections = network->detect(numbered("image"));
  std::int64_t matched = 0, all = 0;
  for (std::size_t i = 0; i < detections.size(); ++i) {
    const auto wanted = theirs.at(concat("final.boxes.", i));
    all += wanted.size(0);
    if (wanted.size(0) == 0 || detections[i].boxes.size(0) == 0) continue;
    const auto is_same_class =
        theirs.at(concat("final.labels.", i)).unsqueeze(1).eq(detections[i].labels.unsqueeze(0));
    const auto overlap = ops::box_iou(wanted, detections[i].boxes);
    matched += overlap.ge(0.99).logical_and(is_same_class).any(1).sum().item<std::int64_t>();
  }
  EXPECT_GE(all, 50);
  EXPECT_GE(static_cast<double>(matched), 0.99 * static_cast<double>(all));
}

TEST_P(DetectorLossParity, LossesAndGradientsAreTorchvisions) {
  auto network = network_beside("losses");
  network->to(torch::kFloat64);
  network->train();

  std::vector<torch::Tensor> images;
  std::vector<detect::Objects> objects;
  for (int i = 0; theirs.contains(concat("image.", i)); ++i) {
    images.push_back(theirs.at(concat("image.", i)));
    objects.push_back(
        {.boxes = theirs.at(concat("boxes.", i)), .labels = theirs.at(concat("labels.", i))});
    if (network->options().has_masks) objects.back().masks = theirs.at(concat("masks.", i));
  }
  // The first of their kind, as the script's.
  const auto first = [](const torch::Tensor& labels, std::int64_t count, double fraction) {
    const auto positives = labels.ge(1).nonzero().squeeze(1).slice(
        0, 0, static_cast<std::int64_t>(static_cast<double>(count) * fraction));
    return ops::BoxSample{positives,
                          labels.eq(0).nonzero().squeeze(1).slice(0, 0, count - positives.size(0))};
  };
  const auto losses = detect::detector_losses(
      *network, {images, objects},
      {.anchors = [&](std::size_t, const torch::Tensor& labels) { return first(labels, 256, 0.5); },
       .proposals = [&](std::size_t,
                        const torch::Tensor& labels) { return first(labels, 512, 0.25); }});
  const auto expect_near = [&](const torch::Tensor& got, const char* name) {
    const auto wanted = theirs.at(concat("loss.", name)).item<double>();
    EXPECT_GT(wanted, 1e-3) << name;
    EXPECT_NEAR(got.item<double>(), wanted, 1e-6 * wanted) << name;
  };
  expect_near(losses.objectness, "loss_objectness");
  expect_near(losses.proposal_boxes, "loss_rpn_box_reg");
  expect_near(losses.classes, "loss_classifier");
  expect_near(losses.boxes, "loss_box_reg");
  if (network->options().has_masks) expect_near(losses.masks, "loss_mask");
  losses.sum().backward();
  for (const auto& item : network->named_parameters()) {
    const auto wanted = theirs.at("gradient." + item.key());
    const auto grad = item.value().grad().reshape(-1);
    const auto got =
        torch::stack({grad.norm(), grad.sum(),
                      (grad * torch::arange(grad.numel(), torch::kFloat64).cos()).sum()});
    const double scale =
        wanted[0].item<double>() * std::sqrt(static_cast<double>(grad.numel())) + 1e-12;
    EXPECT_LT((got - wanted).abs().max().item<double>() / scale, 1e-6) << item.key();
  }
}

// efficientnet_lite0 and zf are not in torchvision: BackboneParity compares them with other programs.
INSTANTIATE_TEST_SUITE_P(, DetectorParity,
                         testing::Values("resnet50_fpn", "maskrcnn_resnet50_fpn",
                                         "mobilenet_v3_large_fpn", "mobilenet_v3_large_320_fpn",
                                         "mobilenet_v2_fpn", "vgg16"),
                         [](const auto& one) { return one.param; });
// vgg16's 137 million gradients in f64 would take minutes; its losses are the same code.
INSTANTIATE_TEST_SUITE_P(, DetectorLossParity,
                         testing::Values("resnet50_fpn", "maskrcnn_resnet50_fpn",
                                         "mobilenet_v3_large_fpn", "mobilenet_v3_large_320_fpn",
                                         "mobilenet_v2_fpn"),
                         [](const auto& one) { return one.param; });

}  // namespace detector_parity_test
}  // namespace clew::parity
