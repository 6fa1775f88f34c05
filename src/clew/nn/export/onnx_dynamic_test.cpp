// SPDX-License-Identifier: Apache-2.0
// Shapes, results by hand, errors. ONNX Runtime computes the same: tests/parity/detector_onnx_parity_test.cpp.
#include "clew/nn/export/onnx_dynamic.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace onnx_dynamic_test {

using Shape = std::vector<std::int64_t>;

/// Values that `build` makes of an input of that shape, for `x`; no shape: its last two sizes are free.
std::vector<torch::Tensor> computed(
    const torch::Tensor& x,
    const std::function<std::vector<OnnxValue>(OnnxGraph&, const OnnxValue&)>& build,
    Shape shape = {}) {
  OnnxGraph graph("g");
  if (shape.empty()) {
    shape = x.sizes().vec();
    for (std::size_t i = shape.size() > 2 ? shape.size() - 2 : 0; i < shape.size(); ++i)
      shape[i] = kOnnxFree;
  }
  const auto input = graph.input("x", x.scalar_type(), shape);
  int number = 0;
  for (const auto& value : build(graph, input)) graph.output(clew::concat("y", number++), value);
  EXPECT_FALSE(graph.finish().empty());
  return graph.run({x});
}

void expect_equal(const torch::Tensor& got, const torch::Tensor& wanted) {
  EXPECT_TRUE(got.sizes() == wanted.sizes() && torch::equal(got, wanted)) << got << wanted;
}

TEST(OnnxDynamic, SizesChooseElements) {
  const auto x = torch::tensor({3.F, 1.F, 4.F, 1.F, 5.F});
  const auto results = computed(x, [](OnnxGraph& g, const OnnxValue& in) {
    const auto two = g.min(onnx_integers(g, {2}), onnx_sizes(g, in));
    const auto best = onnx_top_k(g, in, two);
    const auto least = g.constant(torch::tensor(2.F), "two");
    const auto mask = onnx_compare(g, "Greater", in, least);
    return std::vector<OnnxValue>{best.values,
                                  best.indices,
                                  onnx_nonzero(g, mask),
                                  onnx_where(g, mask, in, least),
                                  onnx_gather(g, in, best.indices),
                                  onnx_range(g, onnx_sizes(g, in)),
                                  onnx_reduced(g, "ReduceMin", in, 0),
                                  onnx_reduced(g, "ReduceMax", in, -1),
                                  onnx_top_k(g, in, two, {.is_largest = false}).indices};
  });
  expect_equal(results[0], torch::tensor({5.F, 4.F}));
  expect_equal(results[1], torch::tensor({4, 2}, torch::kInt64));
  expect_equal(results[2], torch::tensor({0, 2, 4}, torch::kInt64));
  expect_equal(results[3], torch::tensor({3.F, 2.F, 4.F, 2.F, 5.F}));
  expect_equal(results[4], results[0]);
  expect_equal(results[5], torch::arange(5));
  expect_equal(results[6], torch::tensor({1.F}));
  expect_equal(results[7], torch::tensor({5.F}));
  expect_equal(results[8], torch::tensor({1, 3}, torch::kInt64));  // the first of equal values
}

TEST(OnnxDynamic, NumbersAreRounded) {
  const auto x = torch::tensor({-1.5, 0.5, 2.7}, torch::kFloat64);
  const auto results = computed(x, [](OnnxGraph& g, const OnnxValue& in) {
    return std::vector<OnnxValue>{onnx_rounded(g, "Round", in), onnx_rounded(g, "Floor", in),
                                  onnx_power(g, 4, onnx_rounded(g, "Floor", in))};
  });
  expect_equal(results[0], torch::tensor({-2., 0., 3.}, torch::kFloat64));
  expect_equal(results[1], torch::tensor({-2., 0., 2.}, torch::kFloat64));
  expect_equal(results[2], torch::tensor({0.0625, 1., 16.}, torch::kFloat64));
}

TEST(OnnxDynamic, ShapesWithFreeSizes) {
  for (const std::int64_t rows : {3, 0}) {
    const auto x = torch::rand({rows, 8});
    const auto results = computed(x, [](OnnxGraph& g, const OnnxValue& in) {
      const auto fixed = g.constant(torch::arange(12), "fixed");
      const auto made = onnx_reshape(g, fixed, {2, -1});
      EXPECT_EQ(made.shape, (Shape{2, 6}));
      return std::vector<OnnxValue>{onnx_reshape(g, in, {0, 2, 4}), onnx_reshape(g, in, {-1, 4}),
                                    made};
    });
    expect_equal(results[0], x.view({rows, 2, 4}));
    expect_equal(results[1], x.view({2 * rows, 4}));
    expect_equal(results[2], torch::arange(12).view({2, 6}));
  }
  const auto image = torch::rand({1, 2, 5, 7});
  const auto results = computed(image, [](OnnxGraph& g, const OnnxValue& in) {
    const auto twice = g.mul(g.slice(onnx_sizes(g, in), 0, 2, 4), onnx_integers(g, {2}));
    return std::vector<OnnxValue>{onnx_pad_to(g, in, twice), onnx_resize_to(g, in, twice)};
  });
  expect_equal(results[0].slice(2, 0, 5).slice(3, 0, 7), image);
  EXPECT_EQ(results[0].sizes(), torch::IntArrayRef({1, 2, 10, 14}));
  EXPECT_EQ(results[0].slice(2, 5).abs().max().item<float>(), 0);
  EXPECT_EQ(results[0].slice(3, 7).abs().max().item<float>(), 0);
  expect_equal(results[1], torch::upsample_bilinear2d(image, {10, 14}, false));
}

TEST(OnnxDynamic, BoxesAreSuppressedWithinAClass) {
  // Two that overlap by 0.81, and one apart.
  const auto boxes = torch::tensor({0.F, 0.F, 10.F, 10.F, 0.F, 0.F, 9.F, 9.F, 20.F, 0.F, 30.F, 9.F})
                         .view({1, 3, 4});
  const auto results =
      computed(boxes,
               [](OnnxGraph& g, const OnnxValue& in) {
                 const auto scores = g.constant(
                     torch::tensor({0.5F, 0.9F, 0.1F, 0.8F, -1.F, -1.F}).view({1, 2, 3}), "scores");
                 const auto count = g.slice(onnx_sizes(g, in), 0, 1, 2);
                 const auto by_box = onnx_gather(g, scores, onnx_range(g, count), 2);
                 return std::vector<OnnxValue>{onnx_nms(g, in, by_box, 0.7, -0.5),
                                               onnx_nms(g, in, by_box, 0.85, 0.2)};
               },
               {1, kOnnxFree, 4});
  expect_equal(results[0], torch::tensor({0, 0, 1, 0, 0, 2, 0, 1, 0}, torch::kInt64).view({3, 3}));
  expect_equal(results[1], torch::tensor({0, 0, 1, 0, 0, 0, 0, 1, 0}, torch::kInt64).view({3, 3}));
}

TEST(OnnxDynamic, RoiAlignOfARampIsItsMiddles) {
  const auto ramp = torch::arange(16, torch::kFloat).expand({1, 1, 16, 16}).contiguous();
  const auto results = computed(ramp, [](OnnxGraph& g, const OnnxValue& in) {
    const auto boxes = g.constant(torch::tensor({2.F, 2.F, 6.F, 10.F}).view({1, 4}), "boxes");
    return std::vector<OnnxValue>{
        onnx_roi_align(g, in, boxes, onnx_integers(g, {0}), {.height = 2, .width = 2})};
  });
  EXPECT_TRUE(torch::allclose(results[0], torch::tensor({3.F, 5.F, 3.F, 5.F}).view({1, 1, 2, 2})));
}

TEST(OnnxDynamic, RoiPoolTakesTheLargestOfWholeElements) {
  const auto ramp = torch::arange(16, torch::kFloat).expand({1, 1, 16, 16}).contiguous();
  const auto results = computed(ramp, [](OnnxGraph& g, const OnnxValue& in) {
    const auto rois = g.constant(torch::tensor({0.F, 4.F, 4.F, 10.F, 12.F}).view({1, 5}), "rois");
    return std::vector<OnnxValue>{onnx_roi_pool(g, in, rois, 2, 0.5)};
  });
  expect_equal(results[0], torch::tensor({3.F, 5.F, 3.F, 5.F}).view({1, 1, 2, 2}));
}

TEST(OnnxDynamic, SaysWhatIsWrong) {
  OnnxGraph g("g");
  const auto x = g.input("x", torch::kFloat, {-1, 2, 5, 6});
  const auto row = g.constant(torch::ones({6}), "row");
  expect_error([&] { onnx_gather(g, x, row); }, "Gather takes indices [N] i64, got Float [6]");
  expect_error([&] { onnx_gather(g, x, onnx_integers(g, {0}), 4); },
               "Gather of [B,2,5,6] has no axis 4");
  expect_error([&] { onnx_nonzero(g, row); }, "NonZero takes a mask [N] bool, got Float [6]");
  expect_error([&] { onnx_top_k(g, row, row); }, "TopK takes a count [1] i64, got Float [6]");
  expect_error([&] { onnx_reshape(g, row, {4, -1}); }, "Reshape cannot make [4, -1] of [6]");
  expect_error(
      [&] {
        onnx_reshape(g, row, {-1, -1});
      },
      "Reshape takes sizes of at least 0 and at most one -1, got [-1, -1]");
  expect_error([&] { onnx_compare(g, "Less", row, row); }, "there is no comparison Less");
  expect_error([&] { onnx_compare(g, "And", row, row); },
               "And takes two values of one type, got Float and Float");
  expect_error([&] { onnx_where(g, row, row, row); }, "Where takes a mask of bools, got Float [6]");
  expect_error([&] { onnx_pad_to(g, x, onnx_integers(g, {1})); },
               "Pad takes a height and width [2] i64, got Long [1]");
  expect_error([&] { onnx_nms(g, row, row, 0.5, 0); },
               "NonMaxSuppression takes boxes [B,N,4] f32, got Float [6]");
  expect_error([&] { onnx_roi_align(g, x, row, row); },
               "RoiAlign takes boxes [N,4] f32, got Float [6]");
  expect_error(
      [&] { g.apply({.name = "Celu", .results = {{}}, .compute = nullptr}, {x}); },
      "an ONNX operator needs a name, results and a computation, got 'Celu' with 1 results");
}

TEST(OnnxGraph, EqualConstantsOfOneNameAreShared) {
  OnnxGraph graph("g");
  const auto one = graph.constant(torch::ones({3}), "w");
  EXPECT_EQ(graph.constant(torch::ones({3}), "w").name, "w");
  const auto other = graph.constant(torch::zeros({3}), "w");
  EXPECT_EQ(other.name, "w_1");
  EXPECT_EQ(graph.constant(torch::zeros({3}), "w").name, "w_1");
  EXPECT_EQ(graph.constant(torch::zeros({3}, torch::kFloat64), "w").name, "w_2");
  EXPECT_EQ(graph.constant(torch::ones({3}), "v").name, "v");
}

}  // namespace onnx_dynamic_test
}  // namespace clew::nn
