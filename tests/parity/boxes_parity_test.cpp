// SPDX-License-Identifier: Apache-2.0
// Operators on boxes and torchvision's, on random and on degenerate boxes: values and gradients.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clew/nn/weights.h"
#include "clew/ops/boxes/anchors.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/boxes/matching.h"
#include "clew/ops/boxes/nms.h"
#include "clew/ops/boxes/roi_align.h"
#include "clew/ops/boxes/roi_pool.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace boxes_parity_test {

using torch::Tensor;
using Tensors = std::map<std::string, Tensor>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(),
                 kInf = std::numeric_limits<double>::infinity();

Tensor random_boxes(std::int64_t count, double reach, double side) {
  const Tensor corner = torch::rand({count, 2}) * reach - 0.1 * reach,
               size = torch::rand({count, 2}).square() * side;
  return torch::cat({corner, corner + size}, 1);
}

Tensor row(std::initializer_list<double> numbers) {
  return torch::tensor(std::vector<double>(numbers)).to(torch::kFloat32);
}

/// Boxes without area, turned around, equal, and with numbers that are none, among random ones.
Tensor degenerate_boxes(std::int64_t count) {
  Tensor boxes = random_boxes(count, 100, 60);
  boxes[0] = row({5, 5, 5, 5});
  boxes[1] = row({5, 5, 5, 20});
  boxes[2] = row({30, 20, 10, 10});
  boxes[3] = row({30, 10, 10, 20});
  boxes[4] = boxes[5];
  boxes[6] = row({kNan, 1, 20, 20});
  boxes[7] = row({1, 1, 20, kNan});
  boxes[8] = row({-kInf, 1, 20, 20});
  boxes[9] = row({1, 1, kInf, kInf});
  boxes[10] = row({1e20, 1e20, 2e20, 2e20});
  return boxes;
}

Tensors inputs() {
  Tensors given;
  given["boxes"] = degenerate_boxes(40);
  given["others"] = degenerate_boxes(37).flip(0).contiguous();
  given["anchors"] = torch::cat({random_boxes(39, 100, 60), degenerate_boxes(11).slice(0, 0, 1)});
  given["codes"] = torch::randn({40, 12}) * 4;
  given["codes_up"] = torch::randn({40, 3, 4});
  given["good"] = torch::arange(11, 40);
  given["iou_up"] = torch::randn({29, 9});

  // Whole coordinates and few scores: ties, and overlaps that are the threshold exactly.
  const Tensor corner = torch::randint(0, 60, {1500, 2}).to(torch::kFloat32),
               size = torch::randint(1, 12, {1500, 2}).to(torch::kFloat32);
  given["plain_candidates"] = torch::cat({corner, corner + size}, 1);
  given["candidates"] = given["plain_candidates"].clone();
  given["candidates"].slice(0, 100, 111) = degenerate_boxes(11);
  given["scores"] = torch::randint(0, 200, {1500}).to(torch::kFloat32) / 200;
  given["classes"] = torch::randint(0, 5, {1500}, torch::kInt64);
  given["thresholds"] = torch::tensor({0.0, 0.3, 0.5, 0.7, 1.0}, torch::kFloat64);

  given["qualities"] = (torch::rand({9, 300}).pow(2) * 20).round() / 20;
  given["qualities"][3].zero_();

  given["features"] = torch::randn({2, 48, 20, 16});
  Tensor rois =
      torch::cat({torch::randint(0, 2, {60, 1}).to(torch::kFloat32), random_boxes(60, 90, 70)}, 1);
  rois[0].narrow(0, 1, 4) = row({-50, -50, 300, 300});
  rois[1].narrow(0, 1, 4) = row({200, 200, 250, 250});
  rois[2].narrow(0, 1, 4) = row({10, 10, 10, 10});
  rois[3].narrow(0, 1, 4) = row({40, 30, 8, 12});
  rois[4].narrow(0, 1, 4) = row({0, 0, 64, 80});
  rois[5].narrow(0, 1, 4) = row({-4, -4, 4, 4});    // samples at -1 exactly
  rois[6].narrow(0, 1, 4) = row({60, 76, 68, 84});  // and at the far edge
  rois[7].narrow(0, 1, 4) = row({-900, 3, 900, 9});
  given["rois"] = rois;
  given["up"] = torch::randn({60, 48, 7, 7});

  for (int level = 0; level < 4; ++level)
    given["level_" + std::to_string(level)] = torch::randn({2, 20, 160 >> level, 228 >> level});
  given["boxes_0"] = torch::cat({random_boxes(50, 600, 500), row({0, 0, 224, 224}).view({1, 4}),
                                 row({9, 9, 9, 9}).view({1, 4})});
  given["boxes_1"] = random_boxes(7, 300, 300);
  given["pyramid_up"] = torch::randn({59, 20, 7, 7});
  return given;
}

class BoxesParity : public testing::Test {
 protected:
  void SetUp() override {
    const auto python = python_with({"torchvision"});
    if (!python) {
      GTEST_SKIP() << "no Python with torchvision: install python3-torchvision or set CLEW_PYTHON "
                      "to an interpreter that has it";
    }
    torch::manual_seed(1);
    given_ = inputs();
    const TestFolder folder;
    nn::write_tensors(folder / "in.pth", {given_.begin(), given_.end()});
    run_python(*python, "boxes.py", {folder / "in.pth", folder / "out.pth"});
    for (auto& [name, tensor] : nn::read_tensors(folder / "out.pth")) theirs_[name] = tensor;
  }

  /// Equal but for rounding: 1e-5, relative above 1; the same numbers infinite or NaN.
  void expect_close(const std::string& name, const Tensor& got, double tolerance = 1e-5) {
    const Tensor& wanted = theirs_.at(name);
    ASSERT_EQ(got.sizes(), wanted.sizes()) << name;
    EXPECT_TRUE(torch::allclose(got, wanted, tolerance, tolerance, /*equal_nan=*/true))
        << name << ": " << (got - wanted).nan_to_num(0).abs().max();
  }
  void expect_equal(const std::string& name, const Tensor& got) {
    EXPECT_TRUE(torch::equal(got, theirs_.at(name))) << name;
  }

  Tensors given_, theirs_;
};

TEST_F(BoxesParity, Geometry) {
  const Tensor &boxes = given_["boxes"], &others = given_["others"], &anchors = given_["anchors"];
  expect_close("iou", ops::box_iou(boxes, others));
  expect_close("clipped", ops::clip_boxes(boxes, {60, 80}), 0);
  expect_equal("large", ops::large_boxes(boxes, 10));
  for (const auto& [name, coding] :
       {std::pair{"plain", ops::BoxCoding{}},
        std::pair{"weighted", ops::BoxCoding{.weights = {10, 10, 5, 5}}}}) {
    expect_close(concat("codes_", name), ops::encode_boxes(boxes, anchors, coding));
    const Tensor codes = given_["codes"].clone().requires_grad_();
    const Tensor decoded = ops::decode_boxes(codes, anchors, coding);
    expect_close(concat("decoded_", name), decoded.detach());
    (decoded * given_["codes_up"]).sum().backward();
    expect_close(concat("decoded_", name, "_gradient"), codes.grad());
  }
  const Tensor good = boxes.index_select(0, given_["good"]).requires_grad_();
  (ops::box_iou(good, others.narrow(0, 0, 9)) * given_["iou_up"]).sum().backward();
  expect_close("iou_gradient", good.grad());
}

TEST_F(BoxesParity, Suppression) {
  for (int i = 0; i < 5; ++i) {
    const auto threshold = given_["thresholds"][i].item<double>();
    expect_equal(concat("kept_", i), ops::nms(given_["candidates"], given_["scores"], threshold));
    expect_equal(
        concat("kept_in_classes_", i),
        ops::batched_nms(given_["candidates"], given_["scores"], given_["classes"], threshold));
    const auto few = [&](const char* name) { return given_[name].narrow(0, 0, 500); };
    expect_equal(concat("kept_of_few_", i), ops::batched_nms(few("plain_candidates"), few("scores"),
                                                             few("classes"), threshold));
  }
}

TEST_F(BoxesParity, AnchorsAndMatches) {
  expect_equal("anchors_one",
               ops::pyramid_anchors({{.sizes = {128, 256, 512}}}, {200, 311}, {{13, 20}}));
  expect_equal("anchors_pyramid", ops::pyramid_anchors({{.sizes = {32}},
                                                        {.sizes = {64, 100}, .ratios = {1}},
                                                        {.sizes = {5}, .ratios = {0.3, 3}}},
                                                       {200, 311}, {{50, 77}, {25, 39}, {13, 20}}));
  for (const bool low_quality : {false, true}) {
    expect_equal(concat("matches_", low_quality),
                 ops::match_boxes(given_["qualities"], {.allows_low_quality = low_quality}));
    expect_equal(concat("matches_half_", low_quality),
                 ops::match_boxes(given_["qualities"], {0.5, 0.5, low_quality}));
  }
}

TEST_F(BoxesParity, Pooling) {
  for (const auto format : {torch::MemoryFormat::Contiguous, torch::MemoryFormat::ChannelsLast}) {
    const auto compare = [&](const std::string& name,
                             const std::function<Tensor(const Tensor&)>& pool) {
      const Tensor features = given_["features"].contiguous(format).requires_grad_();
      const Tensor pooled = pool(features);
      const Tensor up = given_["up"].slice(2, 0, pooled.size(2)).slice(3, 0, pooled.size(3));
      expect_close(name, pooled.detach());
      expect_close(name + "_gradient", torch::autograd::grad({pooled}, {features}, {up})[0],
                   2e-5);  // sums of many terms
    };
    for (const auto& [height, width] : {std::pair{7, 7}, std::pair{2, 5}}) {
      for (const std::int64_t ratio : {0, 1, 2, 3}) {
        for (const bool is_aligned : {false, true}) {
          compare(concat("align_", ratio, '_', is_aligned, '_', height),
                  [&](const Tensor& features) {
                    return ops::roi_align(features, given_["rois"],
                                          {.height = height,
                                           .width = width,
                                           .scale = 0.25,
                                           .sampling_ratio = ratio,
                                           .is_aligned = is_aligned});
                  });
        }
      }
      compare(concat("pool_", height), [&](const Tensor& features) {
        return ops::roi_pool(features, given_["rois"],
                             {.height = height, .width = width, .scale = 0.25});
      });
    }
  }
}

TEST_F(BoxesParity, Pyramid) {
  std::vector<Tensor> features;
  for (int level = 0; level < 4; ++level)
    features.push_back(given_[concat("level_", level)].clone().requires_grad_());
  const Tensor pooled = ops::pyramid_roi_align(features, {given_["boxes_0"], given_["boxes_1"]},
                                               {{600, 900}, {640, 700}});
  expect_close("pyramid", pooled.detach());
  const auto grads =
      torch::autograd::grad({pooled}, {features.begin(), features.end()}, {given_["pyramid_up"]});
  for (int level = 0; level < 4; ++level)
    expect_close(concat("pyramid_gradient_level_", level), grads[static_cast<std::size_t>(level)],
                 2e-5);
}

}  // namespace boxes_parity_test
}  // namespace clew::parity
