// SPDX-License-Identifier: Apache-2.0
// Detectors as ONNX files in ONNX Runtime: the whole pipeline, one file for pictures of any size.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/detect/detect_export.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/nn/export/export.h"
#include "clew/nn/weights.h"
#include "clew/ops/boxes/geometry.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace detector_onnx_parity_test {

constexpr std::int64_t kClasses = 7, kShortSide = 128, kLongSide = 224;
constexpr double kSuppressedOverlap = 0.3;  // detection_nms of the networks with RoIPool

detect::FasterRcnnOptions small_options(const std::string& name) {
  auto options = detect::detector_options(name, kClasses);
  options.short_side = kShortSide;
  options.long_side = kLongSide;
  return options;
}

/// Weights with which values keep their size, and predictors that are sure of themselves (detector.py's).
void fill(detect::FasterRcnnImpl& network, double sureness) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  auto state = network.named_parameters();
  for (const auto& item : network.named_buffers()) state.insert(item.key(), item.value());
  for (auto& item : state) {
    const auto& name = item.key();
    auto& tensor = item.value();
    if (!tensor.is_floating_point()) continue;
    if (tensor.dim() > 1) {
      tensor.normal_(0, std::sqrt(1.6 / static_cast<double>(tensor[0].numel())));
    } else if (name.ends_with("running_var")) {
      tensor.uniform_(0.5, 1.5);
    } else if (name.ends_with("bn3.weight")) {
      tensor.uniform_(0.2, 0.4);  // sums of residual blocks stay small
    } else if (name.ends_with("weight")) {
      tensor.uniform_(0.7, 1.1);
    } else {
      tensor.normal_(0, 0.1);
    }
  }
  state["roi_heads.box_predictor.cls_score.weight"].mul_(sureness);
  state["roi_heads.box_predictor.bbox_pred.weight"].mul_(0.3);
  state["rpn.head.cls_logits.weight"].mul_(0.3);
  state["rpn.head.bbox_pred.weight"].mul_(0.3);
  network.eval();
}

/// Factor of the class weights. Values grow through some bodies: there the softmax would be so steep that another
/// order of summation moves scores by more than 1e-4.
double sureness_of(const std::string& name) {
  if (name.ends_with("resnet50_fpn")) return 0.3;
  return name == "mobilenet_v2_fpn" ? 1 : 3;
}

class DetectorOnnx : public testing::TestWithParam<std::string> {
 protected:
  DetectorOnnx() : python_(python_with({"onnxruntime", "onnx", "numpy"})) {}
  void SetUp() override {
    if (!python_) GTEST_SKIP() << no_python_with("onnxruntime and onnx");
  }
  /// Boxes, labels and scores of each picture by ONNX Runtime.
  std::vector<detect::Detections> in_onnx_runtime(detect::FasterRcnn network,
                                                  const std::vector<torch::Tensor>& pictures) {
    const auto plan = detect::detector_export(GetParam(), *network, {"a", "b", "c", "d", "e", "f"},
                                              nn::ExportFormat::kOnnx);
    const auto model = folder_ / concat("model", models_++, ".onnx");
    nn::export_network(*network, plan.forward, model, plan.options);
    std::vector<std::string> names;
    for (const auto& picture : pictures) {
      names.push_back(folder_ / concat(models_, "_", names.size()));
      std::filesystem::create_symlink(model, names.back() + ".onnx");
      nn::write_tensors(names.back() + ".in.safetensors", {{"image", picture.unsqueeze(0)}});
    }
    run_python(*python_, "check_onnx.py", names);
    std::vector<detect::Detections> results;
    if (HasFailure()) return results;
    for (const auto& name : names) {
      detect::Detections found;
      for (const auto& [output, tensor] : nn::read_tensors(name + ".out.safetensors"))
        (output == "boxes"    ? found.boxes
         : output == "labels" ? found.labels
         : output == "masks"  ? found.masks
                              : found.scores) = tensor;
      results.push_back(found);
    }
    return results;
  }

 private:
  std::optional<std::string> python_;
  TestFolder folder_;
  int models_ = 0;
};

/// Number of `wanted` that are in `got`: with the same label, by an overlap of 0.99, a score within 1e-4, masks within 1e-3.
/// RoIPool gives all proposals of one window of whole elements the same values, and so the same score; rounding of the
/// objectness decides which of them suppresses the others. With `has_ties` such a one counts, too: a score within 1e-6, an
/// overlap by which it is suppressed.
std::int64_t found_again(const detect::Detections& wanted, const detect::Detections& got,
                         bool has_ties = false) {
  if (wanted.labels.numel() == 0 || got.labels.numel() == 0) return 0;
  const auto score_difference = (wanted.scores.unsqueeze(1) - got.scores).abs();
  const auto overlap = ops::box_iou(wanted.boxes, got.boxes);
  auto is_same = overlap.ge(0.99).logical_and(score_difference.le(1e-4));
  if (has_ties)
    is_same =
        is_same.logical_or(overlap.ge(kSuppressedOverlap).logical_and(score_difference.le(1e-6)));
  is_same = is_same.logical_and(wanted.labels.unsqueeze(1).eq(got.labels));
  EXPECT_EQ(wanted.masks.defined(), got.masks.defined());
  if (wanted.masks.defined())
    is_same =
        is_same.logical_and((wanted.masks.unsqueeze(1) - got.masks).abs().amax({2, 3}).le(1e-3));
  return is_same.any(1).sum().item<std::int64_t>();
}

TEST_P(DetectorOnnx, OneFileFindsTheSameBoxesInEverySize) {
  detect::FasterRcnn network(GetParam(), small_options(GetParam()));
  fill(*network, sureness_of(GetParam()));
  // Upscaled, of both orientations; as it is; downscaled; with a side that is limited.
  std::vector<torch::Tensor> pictures;
  for (const auto& [height, width] : {std::pair(90, 121), std::pair(110, 83), std::pair(128, 200),
                                      std::pair(311, 257), std::pair(97, 240)})
    pictures.push_back(torch::rand({3, height, width}));
  const auto theirs = in_onnx_runtime(network, pictures);
  ASSERT_EQ(theirs.size(), pictures.size());
  const detect::FusedDetector fused(network);
  const bool has_ties = GetParam() == "vgg16" || GetParam() == "zf";
  std::int64_t wanted = 0, matched = 0, got = 0, by_fused = 0;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const auto ours = network->detect({pictures[i]})[0];
    wanted += ours.labels.numel();
    got += theirs[i].labels.numel();
    matched += found_again(ours, theirs[i]);
    by_fused += found_again(fused.detect({pictures[i]})[0], theirs[i], has_ties);
    EXPECT_GT(ours.labels.numel(), 0) << i;
    EXPECT_EQ(theirs[i].scores.scalar_type(), torch::kFloat32);
    EXPECT_EQ(theirs[i].labels.scalar_type(), torch::kInt64);
    EXPECT_TRUE(theirs[i].scores.diff().le(0).all().item<bool>()) << i;
  }
  EXPECT_GE(wanted, 50);
  const auto share = [&](std::int64_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max(wanted, got));
  };
  EXPECT_GE(share(matched), 0.99) << matched << " of " << wanted << ", got " << got;
  EXPECT_GE(share(by_fused), 0.99) << by_fused << " of " << wanted << ", got " << got;
}

INSTANTIATE_TEST_SUITE_P(, DetectorOnnx, testing::ValuesIn(detect::detector_names()),
                         [](const auto& one) { return one.param; });

class EmptyDetectorOnnx : public DetectorOnnx {};

TEST_P(EmptyDetectorOnnx, NothingFoundIsNoError) {
  auto options = small_options(GetParam());
  options.least_score = 1;
  detect::FasterRcnn without_detections(GetParam(), options);
  options.least_objectness = 2;
  detect::FasterRcnn without_proposals(GetParam(), options);
  for (auto network : {without_detections, without_proposals}) {
    fill(*network, sureness_of(GetParam()));
    const auto found = in_onnx_runtime(network, {torch::rand({3, 100, 120})});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].boxes.sizes(), torch::IntArrayRef({0, 4}));
    EXPECT_EQ(found[0].labels.numel(), 0);
    EXPECT_EQ(found[0].scores.numel(), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(, EmptyDetectorOnnx, testing::Values("mobilenet_v3_large_320_fpn"),
                         [](const auto& one) { return one.param; });

}  // namespace detector_onnx_parity_test
}  // namespace clew::parity
