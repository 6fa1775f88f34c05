// SPDX-License-Identifier: Apache-2.0
// Detectors as ONNX graphs: the operators of faster_rcnn.cpp, in its order, on sizes known only at run time.
#include "clew/nn/export/onnx.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/detect/masks.h"
#include "clew/nn/export/onnx_dynamic.h"
#include "clew/ops/boxes/anchors.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/boxes/roi_align.h"

namespace clew::detect {
namespace {

using nn::OnnxGraph;
using nn::OnnxValue;

constexpr double kNoCandidate = -1,
                 kCandidates = -0.5;  // scores that NMS leaves out and takes from

class DetectorGraph {
 public:
  DetectorGraph(OnnxGraph& graph, const FasterRcnnImpl& network)
      : graph_(graph), network_(network), options_(network.options()) {}

  std::vector<OnnxValue> add(const OnnxValue& image) {
    resize(image);
    const auto dense = network_.dense_graph();
    auto wanted = dense.maps;
    wanted.insert(wanted.end(), dense.objectness.begin(), dense.objectness.end());
    wanted.insert(wanted.end(), dense.codes.begin(), dense.codes.end());
    const auto outputs = dense.graph->run_onnx(graph_, input_, wanted);
    const auto part = [&, levels = dense.maps.size()](std::size_t number) {
      const auto begin = outputs.begin() + static_cast<std::ptrdiff_t>(number * levels);
      return std::vector<OnnxValue>(begin, begin + static_cast<std::ptrdiff_t>(levels));
    };
    const auto proposals = select(part(1), part(2));
    return detect(proposals, part(0));
  }

 private:
  OnnxValue number(double value) const {
    return graph_.constant(torch::tensor(static_cast<float>(value)), "number");
  }
  OnnxValue wide(double value) const {
    return graph_.constant(torch::tensor({value}, torch::kFloat64), "wide");
  }
  OnnxValue integer(std::int64_t value) const { return nn::onnx_integers(graph_, {value}); }
  /// Height and width [2] i64.
  OnnxValue sides_of(const OnnxValue& x) const {
    return graph_.slice(nn::onnx_sizes(graph_, x), 0, 2, 4);
  }
  OnnxValue length_of(const OnnxValue& x) const {
    return graph_.slice(nn::onnx_sizes(graph_, x), 0, 0, 1);
  }
  /// (height, width) [2] i64 -> (width, height, width, height) [4] f32.
  OnnxValue edges_of(const OnnxValue& sides) const {
    return graph_.cast(nn::onnx_gather(graph_, sides, nn::onnx_integers(graph_, {1, 0, 1, 0})),
                       torch::kFloat);
  }

  /// FasterRcnnImpl::resize, in f64 like it.
  void resize(const OnnxValue& image) {
    original_ = sides_of(image);
    const auto sides = graph_.cast(original_, torch::kFloat64);
    const auto scale = graph_.min(graph_.div(wide(static_cast<double>(options_.short_side)),
                                             nn::onnx_reduced(graph_, "ReduceMin", sides, 0)),
                                  graph_.div(wide(static_cast<double>(options_.long_side)),
                                             nn::onnx_reduced(graph_, "ReduceMax", sides, 0)));
    size_ = graph_.max(graph_.cast(graph_.mul(sides, scale), torch::kInt64), integer(1));
    padded_ =
        graph_.mul(graph_.div(graph_.add(size_, integer(kSideDivisor - 1)), integer(kSideDivisor)),
                   integer(kSideDivisor));
    const auto column = [&](const std::vector<double>& values, const char* name) {
      return graph_.constant(
          torch::tensor(values, torch::kFloat64).to(torch::kFloat).view({-1, 1, 1}), name);
    };
    auto x = image;
    const auto& [mean, deviation] = options_.statistics;
    if (!mean.empty())
      x = graph_.div(graph_.sub(x, column(mean, "mean")), column(deviation, "deviation"));
    input_ = nn::onnx_pad_to(graph_, nn::onnx_resize_to(graph_, x, size_), padded_);
  }

  /// ops::pyramid_anchors of one level -> [N,4].
  OnnxValue anchors(std::size_t level, const OnnxValue& map) const {
    const auto strides = graph_.div(padded_, map);
    const auto steps = [&](std::int64_t side, const std::vector<float>& edges) {
      auto at = graph_.cast(graph_.mul(nn::onnx_range(graph_, graph_.slice(map, 0, side, side + 1)),
                                       graph_.slice(strides, 0, side, side + 1)),
                            torch::kFloat);
      const auto& offsets = network_.map_offsets();
      if (!offsets.empty() && offsets[level] != 0) at = graph_.add(at, number(offsets[level]));
      const auto column = side == 0 ? nn::onnx_reshape(graph_, at, {-1, 1, 1})
                                    : nn::onnx_reshape(graph_, at, {1, -1, 1});
      return graph_.mul(column, graph_.constant(torch::tensor(edges), "edges"));
    };
    const auto shifts = graph_.add(steps(0, {0, 1, 0, 1}), steps(1, {1, 0, 1, 0}));
    const auto base =
        graph_.constant(ops::base_anchors(options_.anchors[level], torch::kFloat), "base_anchors");
    const auto rows = nn::onnx_reshape(graph_, shifts, {-1, 1, 4});
    return nn::onnx_reshape(graph_, graph_.add(rows, base), {-1, 4});
  }

  /// ops::decode_boxes and clip_boxes: codes [N,C,4], anchors [N,4] -> [N,C,4].
  OnnxValue decoded(const OnnxValue& codes, const OnnxValue& anchors,
                    const ops::BoxCoding& coding) const {
    const auto low = graph_.slice(anchors, 1, 0, 2), high = graph_.slice(anchors, 1, 2, 4);
    const auto sizes = graph_.sub(high, low);
    const auto by_class = [&](const OnnxValue& x) {
      return nn::onnx_reshape(graph_, x, {-1, 1, 2});
    };
    const auto size = by_class(sizes);
    const auto centre = by_class(graph_.add(low, graph_.mul(sizes, number(0.5))));
    const auto part = [&](std::size_t first) {
      const auto weights = torch::tensor({static_cast<float>(coding.weights.at(first)),
                                          static_cast<float>(coding.weights.at(first + 1))});
      const auto begin = static_cast<std::int64_t>(first);
      return graph_.div(graph_.slice(codes, 2, begin, begin + 2),
                        graph_.constant(weights, "coding"));
    };
    const auto middle = graph_.add(graph_.mul(part(0), size), centre);
    const auto logs = graph_.min(part(2), number(coding.largest_log));
    const auto half = graph_.mul(graph_.mul(graph_.exp(logs), size), number(0.5));
    const auto boxes = graph_.concat({graph_.sub(middle, half), graph_.add(middle, half)}, 2);
    return graph_.min(graph_.max(boxes, number(0)), edges_of(size_));
  }

  /// boxes [...,4] -> [...,1] bool, by the shorter side.
  OnnxValue large(const OnnxValue& boxes, const OnnxValue& side) const {
    const auto axis = static_cast<std::int64_t>(boxes.shape.size()) - 1;
    const auto sides = graph_.sub(graph_.slice(boxes, axis, 2, 4), graph_.slice(boxes, axis, 0, 2));
    return nn::onnx_compare(graph_, "GreaterOrEqual",
                            nn::onnx_reduced(graph_, "ReduceMin", sides, axis), side);
  }

  /// Least side of proposals, pixels of the resized picture.
  OnnxValue least_side() const {
    if (options_.least_proposal_side == 0) return number(kLeastProposalSide);
    const auto height = [&](const OnnxValue& sides) {
      return graph_.cast(graph_.slice(sides, 0, 0, 1), torch::kFloat64);
    };
    const auto least = graph_.div(graph_.mul(wide(options_.least_proposal_side), height(size_)),
                                  height(original_));
    return graph_.cast(graph_.max(least, wide(kLeastProposalSide)), torch::kFloat);
  }

  OnnxValue both(const OnnxValue& a, const OnnxValue& b) const {
    return nn::onnx_compare(graph_, "And", a, b);
  }

  /// Indices [M] of the largest `count` of `scores` [N].
  OnnxValue best(const OnnxValue& scores, std::int64_t count, bool is_as_topk = false) const {
    const auto most = graph_.min(length_of(scores), integer(count));
    return nn::onnx_top_k(graph_, scores, most, {.is_as_topk = is_as_topk}).indices;
  }

  /// FasterRcnnImpl::select -> boxes [K,4].
  OnnxValue select(const std::vector<OnnxValue>& objectness,
                   const std::vector<OnnxValue>& codes) const {
    std::vector<OnnxValue> all_logits, all_codes, all_anchors, all_levels;
    for (std::size_t i = 0; i < objectness.size(); ++i) {
      const auto by_anchor = [&](const OnnxValue& map, const std::vector<std::int64_t>& shape) {
        return nn::onnx_reshape(graph_, graph_.transpose(map, {0, 2, 3, 1}), shape);
      };
      const auto logits = by_anchor(objectness[i], {-1});
      const auto rows = best(logits, options_.evaluation.before_nms, /*is_as_topk=*/true);
      const auto take = [&](const OnnxValue& x) { return nn::onnx_gather(graph_, x, rows); };
      all_logits.push_back(take(logits));
      all_codes.push_back(take(by_anchor(codes[i], {-1, 1, 4})));
      all_anchors.push_back(take(anchors(i, sides_of(objectness[i]))));
      all_levels.push_back(
          graph_.add(graph_.mul(rows, integer(0)), integer(static_cast<std::int64_t>(i))));
    }
    const auto scores = graph_.sigmoid(graph_.concat(all_logits, 0));
    const auto boxes = nn::onnx_reshape(
        graph_, decoded(graph_.concat(all_codes, 0), graph_.concat(all_anchors, 0), {}), {-1, 4});
    const auto levels = static_cast<std::int64_t>(objectness.size());
    const auto is_candidate =
        both(nn::onnx_reshape(graph_, large(boxes, least_side()), {1, -1}),
             nn::onnx_compare(graph_, "GreaterOrEqual", nn::onnx_reshape(graph_, scores, {1, -1}),
                              number(options_.least_objectness)));
    const auto numbers =
        graph_.constant(torch::arange(levels, torch::kInt64).view({-1, 1}), "levels");
    const auto is_of_level = nn::onnx_compare(
        graph_, "Equal", nn::onnx_reshape(graph_, graph_.concat(all_levels, 0), {1, -1}), numbers);
    const auto by_level =
        nn::onnx_where(graph_, both(is_of_level, is_candidate), scores, number(kNoCandidate));
    const auto kept = nn::onnx_nms(graph_, nn::onnx_reshape(graph_, boxes, {1, -1, 4}),
                                   nn::onnx_reshape(graph_, by_level, {1, levels, -1}),
                                   options_.proposal_nms, kCandidates);
    const auto rows = nn::onnx_reshape(graph_, graph_.slice(kept, 1, 2, 3), {-1});
    const auto order = best(nn::onnx_gather(graph_, scores, rows), options_.evaluation.after_nms);
    return nn::onnx_gather(graph_, boxes, nn::onnx_gather(graph_, rows, order));
  }

  /// Exponents [1] f64 of the scales of a map, powers of two.
  OnnxValue exponent_of(const OnnxValue& map) const {
    const auto height = [&](const OnnxValue& sides) {
      return graph_.cast(graph_.slice(sides, 0, 0, 1), torch::kFloat64);
    };
    const auto log = graph_.log(graph_.div(height(sides_of(map)), height(size_)));
    return nn::onnx_rounded(graph_, "Round", graph_.div(log, wide(std::numbers::ln2)));
  }

  /// FasterRcnnImpl::pool -> [K,C,bins,bins].
  OnnxValue pool(const std::vector<OnnxValue>& maps, const OnnxValue& boxes,
                 std::int64_t bins) const {
    if (const auto stride = network_.roi_pooling().stride; stride > 0) {
      const auto batches = graph_.mul(graph_.slice(boxes, 1, 0, 1), number(0));
      return nn::onnx_roi_pool(graph_, maps[0], graph_.concat({batches, boxes}, 1), bins,
                               1 / stride);
    }
    const ops::PyramidOptions pyramid{.height = bins, .width = bins};
    const auto count = maps.size() - 1;  // without the coarsest
    const auto step = [&](std::size_t level) {
      return graph_.cast(graph_.neg(exponent_of(maps[level])), torch::kFloat);
    };
    const auto sides = graph_.sub(graph_.slice(boxes, 1, 2, 4), graph_.slice(boxes, 1, 0, 2));
    const auto area = graph_.mul(graph_.slice(sides, 1, 0, 1), graph_.slice(sides, 1, 1, 2));
    const auto size = graph_.div(graph_.sqrt(area), number(pyramid.canonical_size));
    const auto log = graph_.div(graph_.log(size), number(std::numbers::ln2));
    const auto exact = graph_.add(
        graph_.add(log, number(static_cast<double>(pyramid.canonical_level))), number(1e-6));
    const auto lowest = step(0);
    const auto level = graph_.sub(
        graph_.min(graph_.max(nn::onnx_rounded(graph_, "Floor", exact), lowest), step(count - 1)),
        lowest);
    const auto levels =
        graph_.min(nn::onnx_reshape(graph_, graph_.cast(level, torch::kInt64), {-1}),
                   integer(static_cast<std::int64_t>(count) - 1));
    std::vector<OnnxValue> pooled, rows;
    for (std::size_t i = 0; i < count; ++i) {
      rows.push_back(nn::onnx_nonzero(
          graph_,
          nn::onnx_compare(graph_, "Equal", levels, integer(static_cast<std::int64_t>(i)))));
      auto rois = nn::onnx_gather(graph_, boxes, rows.back());
      const auto& offsets = network_.map_offsets();
      if (!offsets.empty()) rois = graph_.sub(rois, number(offsets[i]));
      const auto scale =
          graph_.cast(nn::onnx_power(graph_, 2, exponent_of(maps[i])), torch::kFloat);
      pooled.push_back(nn::onnx_roi_align(graph_, maps[i], graph_.mul(rois, scale),
                                          graph_.mul(rows.back(), integer(0)),
                                          {.height = pyramid.height,
                                           .width = pyramid.width,
                                           .sampling_ratio = pyramid.sampling_ratio}));
    }
    const auto order = graph_.concat(rows, 0);
    const auto inverse =
        nn::onnx_top_k(graph_, order, length_of(order), {.is_largest = false}).indices;
    return nn::onnx_gather(graph_, graph_.concat(pooled, 0), inverse);
  }

  /// FasterRcnnImpl::classify, decode and finish -> boxes, labels, scores.
  std::vector<OnnxValue> detect(const OnnxValue& proposals,
                                const std::vector<OnnxValue>& maps) const {
    const auto pooled = pool(maps, proposals, network_.roi_pooling().bins);
    const auto modules = network_.named_modules();
    const auto linear = [&](const char* name, const OnnxValue& x) {
      const auto path = std::string("roi_heads.") + name;
      return nn::onnx_child(graph_, path, *modules[path], x);
    };
    auto x = graph_.relu(linear("box_head.fc6", graph_.flatten(pooled)));
    x = graph_.relu(linear("box_head.fc7", x));
    const auto classes = options_.classes;
    const auto without_background = [&](const OnnxValue& of_classes) {
      return graph_.slice(of_classes, 1, 1, classes);
    };
    const auto shares = without_background(graph_.softmax(linear("box_predictor.cls_score", x), 1));
    const auto codes =
        nn::onnx_reshape(graph_, linear("box_predictor.bbox_pred", x), {-1, classes, 4});
    const auto boxes = without_background(decoded(codes, proposals, detection_coding()));

    const auto is_candidate = both(
        nn::onnx_compare(graph_, "Greater", shares, number(options_.least_score)),
        nn::onnx_reshape(graph_, large(boxes, number(kLeastDetectionSide)), {-1, classes - 1}));
    const auto by_class = graph_.transpose(
        nn::onnx_where(graph_, is_candidate, shares, number(kNoCandidate)), {1, 0});
    const auto kept = nn::onnx_nms(graph_, graph_.transpose(boxes, {1, 0, 2}),
                                   nn::onnx_reshape(graph_, by_class, {classes - 1, 1, -1}),
                                   options_.detection_nms, kCandidates);
    // Numbers of the kept ones in [K,C-1], ascending, for the order of equal scores.
    const auto flat = graph_.add(graph_.mul(graph_.slice(kept, 1, 2, 3), integer(classes - 1)),
                                 graph_.slice(kept, 1, 0, 1));
    const auto unordered = nn::onnx_reshape(graph_, flat, {-1});
    const auto numbers =
        nn::onnx_top_k(graph_, unordered, length_of(unordered), {.is_largest = false}).values;
    const auto all_scores = nn::onnx_reshape(graph_, shares, {-1});
    const auto order = best(nn::onnx_gather(graph_, all_scores, numbers), options_.most_detections);
    const auto found = nn::onnx_gather(graph_, numbers, order);
    const auto label = graph_.sub(
        found, graph_.mul(graph_.div(found, integer(classes - 1)), integer(classes - 1)));
    const auto pixels = nn::onnx_gather(graph_, nn::onnx_reshape(graph_, boxes, {-1, 4}), found);
    const auto labels = graph_.add(label, integer(1));
    std::vector<OnnxValue> outputs = {
        graph_.mul(pixels, graph_.div(edges_of(original_), edges_of(size_))), labels,
        nn::onnx_gather(graph_, all_scores, found)};
    if (options_.has_masks) outputs.push_back(masks(pixels, labels, maps));
    return outputs;
  }

  /// Boxes [N,4] in pixels of the resized picture, labels [N] -> masks [N,28,28].
  OnnxValue masks(const OnnxValue& boxes, const OnnxValue& labels,
                  const std::vector<OnnxValue>& maps) const {
    const auto modules = network_.named_modules();
    const auto layer = [&](const std::string& name, const OnnxValue& x) {
      const auto path = "roi_heads." + name;
      return nn::onnx_child(graph_, path, *modules[path], x);
    };
    auto x = pool(maps, boxes, kMaskBins);
    for (int i = 0; i < kMaskConvolutions; ++i)
      x = graph_.relu(layer(concat("mask_head.", i, ".0"), x));
    x = layer("mask_predictor.mask_fcn_logits", graph_.relu(layer("mask_predictor.conv5_mask", x)));
    const auto all = nn::onnx_reshape(graph_, x, {-1, kMaskSide, kMaskSide});
    const auto rows =
        graph_.mul(nn::onnx_range(graph_, length_of(labels)), integer(options_.classes));
    return graph_.sigmoid(nn::onnx_gather(graph_, all, graph_.add(rows, labels)));
  }

  OnnxGraph& graph_;
  const FasterRcnnImpl& network_;
  const FasterRcnnOptions& options_;
  OnnxValue original_, size_, padded_;  // [2] i64
  OnnxValue input_;                     // [1,3,H,W] f32
};

}  // namespace

std::vector<OnnxValue> FasterRcnnImpl::to_onnx(OnnxGraph& graph,
                                               const std::vector<OnnxValue>& inputs) const {
  CLEW_CHECK(inputs.size() == 1 && inputs[0].dtype == torch::kFloat &&
                 inputs[0].shape.size() == 4 && inputs[0].shape[0] == 1 && inputs[0].shape[1] == 3,
             "cannot export to ONNX: a detector takes one image [1,3,H,W] f32");
  return DetectorGraph(graph, *this).add(inputs[0]);
}

}  // namespace clew::detect
