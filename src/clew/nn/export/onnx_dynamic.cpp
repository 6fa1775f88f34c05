// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/onnx_dynamic.h"

#include <torch/types.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/export/onnx_shape.h"
#include "clew/ops/boxes/nms.h"
#include "clew/ops/boxes/roi_align.h"
#include "clew/ops/boxes/roi_pool.h"

namespace clew::nn {
namespace {

using DynamicShape = std::vector<std::int64_t>;
using DynamicTensors = std::vector<torch::Tensor>;

void check_value(bool is_right, const char* op, const char* wanted, const OnnxValue& got) {
  CLEW_CHECK(is_right, op, " takes ", wanted, ", got ", torch::toString(got.dtype), " ",
             text_of_shape(got.shape));
}

void check_sizes(const OnnxValue& sizes, std::int64_t count, const char* op, const char* wanted) {
  check_value(sizes.dtype == torch::kInt64 && sizes.shape == DynamicShape{count}, op, wanted,
              sizes);
}

std::int64_t dynamic_axis(const OnnxValue& x, std::int64_t axis, const char* op) {
  const auto rank = static_cast<std::int64_t>(x.shape.size());
  CLEW_CHECK(axis >= -rank && axis < rank, op, " of ", text_of_shape(x.shape), " has no axis ",
             axis);
  return axis < 0 ? axis + rank : axis;
}

}  // namespace

OnnxValue onnx_sizes(OnnxGraph& graph, const OnnxValue& x) {
  return graph.apply({.name = "Shape",
                      .results = {{torch::kInt64, {static_cast<std::int64_t>(x.shape.size())}}},
                      .compute =
                          [](const DynamicTensors& in) {
                            return DynamicTensors{torch::tensor(in[0].sizes(), torch::kInt64)};
                          }},
                     {x})[0];
}

OnnxValue onnx_integers(OnnxGraph& graph, const DynamicShape& values) {
  return graph.constant(torch::tensor(values, torch::kInt64), "integers");
}

OnnxValue onnx_reshape(OnnxGraph& graph, const OnnxValue& x, const DynamicShape& shape) {
  CLEW_CHECK(std::ranges::count(shape, -1) <= 1 &&
                 std::ranges::all_of(shape, [](auto side) { return side >= -1; }),
             "Reshape takes sizes of at least 0 and at most one -1, got ",
             torch::IntArrayRef(shape));
  DynamicShape result = shape;
  std::int64_t whole = 1, known = 1;
  for (const auto side : x.shape) whole = side < 0 || whole < 0 ? -1 : whole * side;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    CLEW_CHECK(shape[i] != 0 || i < x.shape.size(), "Reshape of ", text_of_shape(x.shape),
               " cannot keep size ", i);
    if (shape[i] == 0) result[i] = x.shape[i];
    if (shape[i] >= 0) known = result[i] < 0 || known < 0 ? -1 : known * result[i];
  }
  const bool is_known = whole > 0 && known > 0;
  CLEW_CHECK(!is_known || (std::ranges::count(shape, -1) > 0 ? whole % known == 0 : whole == known),
             "Reshape cannot make ", torch::IntArrayRef(shape), " of ", text_of_shape(x.shape));
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == -1) result[i] = is_known ? whole / known : kOnnxFree;
  const auto compute = [](const DynamicTensors& in) {
    const auto* sides = in[1].data_ptr<std::int64_t>();
    DynamicShape wanted(sides, sides + in[1].numel());
    std::int64_t product = 1;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i] == 0) wanted[i] = in[0].size(static_cast<std::int64_t>(i));
      if (wanted[i] > 0) product *= wanted[i];
    }
    // LibTorch infers no size of an empty tensor.
    std::ranges::replace(wanted, std::int64_t{-1}, in[0].numel() / product);
    return DynamicTensors{in[0].reshape(wanted)};
  };
  return graph.apply({.name = "Reshape", .results = {{x.dtype, result}}, .compute = compute},
                     {x, onnx_integers(graph, shape)})[0];
}

OnnxValue onnx_range(OnnxGraph& graph, const OnnxValue& limit) {
  check_sizes(limit, 1, "Range", "a limit [1] i64");
  const auto scalar = [&](std::int64_t value) {
    return graph.constant(torch::tensor(value, torch::kInt64), "integer");
  };
  return graph.apply(
      {.name = "Range",
       .results = {{torch::kInt64, {kOnnxFree}}},
       .compute =
           [](const DynamicTensors& in) {
             return DynamicTensors{torch::arange(in[1].item<std::int64_t>(), torch::kInt64)};
           }},
      {scalar(0), onnx_reshape(graph, limit, {}), scalar(1)})[0];
}

OnnxValue onnx_gather(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& indices,
                      std::int64_t axis) {
  check_value(indices.dtype == torch::kInt64 && indices.shape.size() == 1, "Gather",
              "indices [N] i64", indices);
  axis = dynamic_axis(x, axis, "Gather");
  auto shape = x.shape;
  shape[static_cast<std::size_t>(axis)] = indices.shape[0];
  return graph.apply({.name = "Gather",
                      .attributes = {{"axis", axis}},
                      .results = {{x.dtype, shape}},
                      .compute =
                          [axis](const DynamicTensors& in) {
                            return DynamicTensors{in[0].index_select(axis, in[1])};
                          }},
                     {x, indices})[0];
}

OnnxValue onnx_nonzero(OnnxGraph& graph, const OnnxValue& mask) {
  check_value(mask.dtype == torch::kBool && mask.shape.size() == 1, "NonZero", "a mask [N] bool",
              mask);
  const auto rows = graph.apply(
      {.name = "NonZero",
       .results = {{torch::kInt64, {1, kOnnxFree}}},
       .compute =
           [](const DynamicTensors& in) { return DynamicTensors{torch::nonzero(in[0]).t()}; }},
      {mask})[0];
  return onnx_reshape(graph, rows, {-1});
}

OnnxTopK onnx_top_k(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& count,
                    const OnnxTopKOptions& options) {
  check_value(x.shape.size() == 1, "TopK", "[N]", x);
  check_sizes(count, 1, "TopK", "a count [1] i64");
  const auto compute = [options](const DynamicTensors& in) {
    const auto most = in[1].item<std::int64_t>();
    if (options.is_as_topk) {
      auto [values, indices] = torch::topk(in[0], most, 0, options.is_largest);
      return DynamicTensors{values, indices};
    }
    const auto [values, indices] = in[0].sort(/*stable=*/true, 0, options.is_largest);
    return DynamicTensors{values.narrow(0, 0, most), indices.narrow(0, 0, most)};
  };
  const auto results = graph.apply(
      {.name = "TopK",
       .attributes = {{"axis", std::int64_t{0}}, {"largest", std::int64_t{options.is_largest}}},
       .results = {{x.dtype, {kOnnxFree}}, {torch::kInt64, {kOnnxFree}}},
       .compute = compute},
      {x, count});
  return {results[0], results[1]};
}

OnnxValue onnx_rounded(OnnxGraph& graph, const std::string& op, const OnnxValue& x) {
  CLEW_CHECK(op == "Round" || op == "Floor", "rounding must be Round or Floor, got ", op);
  const auto compute = [is_floor = op == "Floor"](const DynamicTensors& in) {
    return DynamicTensors{is_floor ? torch::floor(in[0]) : torch::round(in[0])};
  };
  return graph.apply({.name = op, .results = {{x.dtype, x.shape}}, .compute = compute}, {x})[0];
}

OnnxValue onnx_power(OnnxGraph& graph, double base, const OnnxValue& x) {
  const auto compute = [](const DynamicTensors& in) {
    return DynamicTensors{torch::pow(in[0], in[1])};
  };
  return graph.apply(
      {.name = "Pow", .results = {{x.dtype, x.shape}}, .compute = compute},
      {graph.constant(torch::tensor(base, torch::kFloat64).to(x.dtype), "base"), x})[0];
}

OnnxValue onnx_compare(OnnxGraph& graph, const std::string& op, const OnnxValue& a,
                       const OnnxValue& b) {
  using Compare = torch::Tensor (*)(const torch::Tensor&, const torch::Tensor&);
  const std::pair<const char*, Compare> operators[] = {
      {"Equal", torch::eq},
      {"Greater", torch::gt},
      {"GreaterOrEqual", torch::ge},
      {"And", torch::logical_and},
  };
  const auto* const found =
      std::ranges::find_if(operators, [&](const auto& one) { return op == one.first; });
  CLEW_CHECK(found != std::end(operators), "there is no comparison ", op);
  CLEW_CHECK(a.dtype == b.dtype && (op != "And" || a.dtype == torch::kBool), op,
             " takes two values of one type, got ", torch::toString(a.dtype), " and ",
             torch::toString(b.dtype));
  return graph.apply(
      {.name = op,
       .results = {{torch::kBool, broadcast_shape(a.shape, b.shape, op)}},
       .compute = [compare = found->second](
                      const DynamicTensors& in) { return DynamicTensors{compare(in[0], in[1])}; }},
      {a, b})[0];
}

OnnxValue onnx_where(OnnxGraph& graph, const OnnxValue& mask, const OnnxValue& a,
                     const OnnxValue& b) {
  check_value(mask.dtype == torch::kBool, "Where", "a mask of bools", mask);
  CLEW_CHECK(a.dtype == b.dtype, "Where takes two values of one type, got ",
             torch::toString(a.dtype), " and ", torch::toString(b.dtype));
  const auto shape =
      broadcast_shape(mask.shape, broadcast_shape(a.shape, b.shape, "Where"), "Where");
  return graph.apply({.name = "Where",
                      .results = {{a.dtype, shape}},
                      .compute =
                          [](const DynamicTensors& in) {
                            return DynamicTensors{torch::where(in[0], in[1], in[2])};
                          }},
                     {mask, a, b})[0];
}

OnnxValue onnx_reduced(OnnxGraph& graph, const std::string& op, const OnnxValue& x,
                       std::int64_t axis) {
  CLEW_CHECK(op == "ReduceMin" || op == "ReduceMax",
             "reduction must be ReduceMin or ReduceMax, got ", op);
  axis = dynamic_axis(x, axis, op.c_str());
  auto shape = x.shape;
  shape[static_cast<std::size_t>(axis)] = 1;
  const auto compute = [axis, is_min = op == "ReduceMin"](const DynamicTensors& in) {
    return DynamicTensors{is_min ? in[0].amin(axis, true) : in[0].amax(axis, true)};
  };
  return graph.apply({.name = op,
                      .attributes = {{"axes", DynamicShape{axis}}},
                      .results = {{x.dtype, shape}},
                      .compute = compute},
                     {x})[0];
}

OnnxValue onnx_resize_to(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& sides) {
  check_value(x.shape.size() == 4, "Resize", "[B,C,H,W]", x);
  check_sizes(sides, 2, "Resize", "a height and width [2] i64");
  const auto all = graph.concat({graph.slice(onnx_sizes(graph, x), 0, 0, 2), sides}, 0);
  const auto none = graph.constant(torch::empty({0}), "none");
  const auto compute = [](const DynamicTensors& in) {
    const auto* size = in[3].data_ptr<std::int64_t>();
    return DynamicTensors{torch::upsample_bilinear2d(in[0], {size[2], size[3]}, false)};
  };
  return graph.apply(
      {.name = "Resize",
       .attributes = {{"mode", "linear"}, {"coordinate_transformation_mode", "half_pixel"}},
       .results = {{x.dtype, {x.shape[0], x.shape[1], kOnnxFree, kOnnxFree}}},
       .compute = compute},
      {x, none, none, all})[0];
}

OnnxValue onnx_pad_to(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& sides) {
  check_value(x.shape.size() == 4, "Pad", "[B,C,H,W]", x);
  check_sizes(sides, 2, "Pad", "a height and width [2] i64");
  const auto more = graph.sub(sides, graph.slice(onnx_sizes(graph, x), 0, 2, 4));
  const auto pads = graph.concat({onnx_integers(graph, {0, 0, 0, 0, 0, 0}), more}, 0);
  const auto compute = [](const DynamicTensors& in) {
    const auto* pad = in[1].data_ptr<std::int64_t>();
    return DynamicTensors{torch::constant_pad_nd(in[0], {0, pad[7], 0, pad[6]})};
  };
  return graph.apply({.name = "Pad",
                      .results = {{x.dtype, {x.shape[0], x.shape[1], kOnnxFree, kOnnxFree}}},
                      .compute = compute},
                     {x, pads})[0];
}

OnnxValue onnx_pad_edge(OnnxGraph& graph, const OnnxValue& x, std::int64_t before,
                        std::int64_t after) {
  check_value(x.shape.size() == 4, "Pad", "[B,C,H,W]", x);
  CLEW_CHECK(before >= 0 && after >= 0, "Pad takes at least 0 rows and columns, got ", before,
             " and ", after);
  auto shape = x.shape;
  for (auto* side : {&shape[2], &shape[3]})
    if (*side != kOnnxFree) *side += before + after;
  const auto compute = [before, after](const DynamicTensors& in) {
    return DynamicTensors{torch::replication_pad2d(in[0], {before, after, before, after})};
  };
  return graph.apply({.name = "Pad",
                      .attributes = {{"mode", "edge"}},
                      .results = {{x.dtype, shape}},
                      .compute = compute},
                     {x, onnx_integers(graph, {0, 0, before, before, 0, 0, after, after})})[0];
}

OnnxValue onnx_crop_to(OnnxGraph& graph, const OnnxValue& x, std::int64_t from,
                       const OnnxValue& sides) {
  check_value(x.shape.size() == 4, "Slice", "[B,C,H,W]", x);
  check_sizes(sides, 2, "Slice", "a height and width [2] i64");
  CLEW_CHECK(from >= 0, "Slice takes a first row and column of at least 0, got ", from);
  const auto begin = onnx_integers(graph, {from, from});
  const auto compute = [](const DynamicTensors& in) {
    const auto *first = in[1].data_ptr<std::int64_t>(), *end = in[2].data_ptr<std::int64_t>();
    return DynamicTensors{in[0].slice(2, first[0], end[0]).slice(3, first[1], end[1]).contiguous()};
  };
  return graph.apply({.name = "Slice",
                      .results = {{x.dtype, {x.shape[0], x.shape[1], kOnnxFree, kOnnxFree}}},
                      .compute = compute},
                     {x, begin, graph.add(sides, begin), onnx_integers(graph, {2, 3})})[0];
}

OnnxValue onnx_nms(OnnxGraph& graph, const OnnxValue& boxes, const OnnxValue& scores,
                   double overlap, double least_score) {
  check_value(boxes.dtype == torch::kFloat && boxes.shape.size() == 3 && boxes.shape[2] == 4,
              "NonMaxSuppression", "boxes [B,N,4] f32", boxes);
  check_value(scores.dtype == torch::kFloat && scores.shape.size() == 3 &&
                  scores.shape[0] == boxes.shape[0] && scores.shape[2] == boxes.shape[1],
              "NonMaxSuppression", "scores [B,C,N] f32 for the boxes", scores);
  const auto number = [&](double value, const char* name) {
    return graph.constant(torch::tensor({static_cast<float>(value)}), name);
  };
  const auto compute = [overlap, least_score](const DynamicTensors& in) {
    DynamicTensors rows = {torch::zeros({0, 3}, torch::kInt64)};
    for (std::int64_t b = 0; b < in[1].size(0); ++b) {
      for (std::int64_t c = 0; c < in[1].size(1); ++c) {
        const auto score = in[1][b][c];
        const auto candidates = score.gt(least_score).nonzero().squeeze(1);
        const auto kept =
            candidates.index_select(0, ops::nms(in[0][b].index_select(0, candidates),
                                                score.index_select(0, candidates), overlap));
        rows.push_back(
            torch::stack({torch::full_like(kept, b), torch::full_like(kept, c), kept}, 1));
      }
    }
    return DynamicTensors{torch::cat(rows)};
  };
  const auto all = graph.slice(onnx_sizes(graph, boxes), 0, 1, 2);
  return graph.apply(
      {.name = "NonMaxSuppression",
       .results = {{torch::kInt64, {kOnnxFree, 3}}},
       .compute = compute},
      {boxes, scores, all, number(overlap, "overlap"), number(least_score, "least_score")})[0];
}

OnnxValue onnx_roi_align(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& boxes,
                         const OnnxValue& batches, const OnnxRoiAlign& options) {
  check_value(x.dtype == torch::kFloat && x.shape.size() == 4, "RoiAlign", "[B,C,H,W] f32", x);
  check_value(boxes.dtype == torch::kFloat && boxes.shape.size() == 2 && boxes.shape[1] == 4,
              "RoiAlign", "boxes [N,4] f32", boxes);
  check_value(batches.dtype == torch::kInt64 && batches.shape == DynamicShape{boxes.shape[0]},
              "RoiAlign", "batches [N] i64 for the boxes", batches);
  const auto compute = [options](const DynamicTensors& in) {
    const auto rois = torch::cat({in[2].to(in[1].dtype()).unsqueeze(1), in[1]}, 1);
    return DynamicTensors{ops::roi_align(in[0], rois,
                                         {.height = options.height,
                                          .width = options.width,
                                          .sampling_ratio = options.sampling_ratio})};
  };
  return graph.apply(
      {.name = "RoiAlign",
       .attributes = {{"coordinate_transformation_mode", "output_half_pixel"},
                      {"output_height", options.height},
                      {"output_width", options.width},
                      {"sampling_ratio", options.sampling_ratio}},
       .results = {{x.dtype, {boxes.shape[0], x.shape[1], options.height, options.width}}},
       .compute = compute},
      {x, boxes, batches})[0];
}

OnnxValue onnx_roi_pool(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& rois,
                        std::int64_t bins, double scale) {
  check_value(x.dtype == torch::kFloat && x.shape.size() == 4, "MaxRoiPool", "[B,C,H,W] f32", x);
  check_value(rois.dtype == torch::kFloat && rois.shape.size() == 2 && rois.shape[1] == 5,
              "MaxRoiPool", "boxes [N,5] f32", rois);
  const auto compute = [=](const DynamicTensors& in) {
    return DynamicTensors{
        ops::roi_pool(in[0], in[1], {.height = bins, .width = bins, .scale = scale})};
  };
  return graph.apply(
      {.name = "MaxRoiPool",
       .attributes = {{"pooled_shape", DynamicShape{bins, bins}}, {"spatial_scale", scale}},
       .results = {{x.dtype, {rois.shape[0], x.shape[1], bins, bins}}},
       .compute = compute},
      {x, rois})[0];
}

}  // namespace clew::nn
