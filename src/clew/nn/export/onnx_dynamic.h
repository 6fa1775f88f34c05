// SPDX-License-Identifier: Apache-2.0
// Operators of ONNX on values whose sizes are known only when the graph runs. In the comments, N and M stand for such
// sizes, kOnnxFree; i64 vectors of sizes are values, too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/nn/export/onnx_graph.h"

namespace clew::nn {

/// Sizes of x -> [rank] i64.
OnnxValue onnx_sizes(OnnxGraph& graph, const OnnxValue& x);
/// Whole numbers as a constant [K] i64.
OnnxValue onnx_integers(OnnxGraph& graph, const std::vector<std::int64_t>& values);
/// x with another shape: 0 keeps a size of x, one -1 is inferred.
OnnxValue onnx_reshape(OnnxGraph& graph, const OnnxValue& x,
                       const std::vector<std::int64_t>& shape);
/// limit [1] i64 -> 0, 1, ..., limit - 1 [N] i64.
OnnxValue onnx_range(OnnxGraph& graph, const OnnxValue& limit);
/// Slices of x along `axis` at `indices` [M] i64.
OnnxValue onnx_gather(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& indices,
                      std::int64_t axis = 0);
/// mask [N] bool -> indices [M] i64 of what is true, ascending.
OnnxValue onnx_nonzero(OnnxGraph& graph, const OnnxValue& mask);

struct OnnxTopK {
  OnnxValue values, indices;  // [M], sorted
};
struct OnnxTopKOptions {
  bool is_largest = true;
  /// OnnxGraph::run takes of equal values those that torch::topk takes, instead of the first, as ONNX says.
  bool is_as_topk = false;
};
/// The `count` [1] i64 largest of x [N], or the smallest.
OnnxTopK onnx_top_k(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& count,
                    const OnnxTopKOptions& options = {});

/// "Round" (half to even) or "Floor".
OnnxValue onnx_rounded(OnnxGraph& graph, const std::string& op, const OnnxValue& x);
/// base to the power of x, elementwise.
OnnxValue onnx_power(OnnxGraph& graph, double base, const OnnxValue& x);
/// "Equal", "Greater", "GreaterOrEqual" -> bool; "And" of bools. Broadcasts.
OnnxValue onnx_compare(OnnxGraph& graph, const std::string& op, const OnnxValue& a,
                       const OnnxValue& b);
/// a where `mask` is true, else b. Broadcasts.
OnnxValue onnx_where(OnnxGraph& graph, const OnnxValue& mask, const OnnxValue& a,
                     const OnnxValue& b);
/// Smallest of x along `axis`, which becomes 1; "ReduceMax": the largest.
OnnxValue onnx_reduced(OnnxGraph& graph, const std::string& op, const OnnxValue& x,
                       std::int64_t axis);

/// Bilinear (half-pixel) resize of x [B,C,H,W] to a height and width `sides` [2] i64.
OnnxValue onnx_resize_to(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& sides);
/// Zeros to the right of and below x [B,C,H,W], up to a height and width `sides` [2] i64.
OnnxValue onnx_pad_to(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& sides);
/// Repeats the border elements of x [B,C,H,W] `before` times on the left and above, `after` times on the right and below.
OnnxValue onnx_pad_edge(OnnxGraph& graph, const OnnxValue& x, std::int64_t before,
                        std::int64_t after);
/// The part of x [B,C,H,W] that begins at row and column `from`, of a height and width `sides` [2] i64.
OnnxValue onnx_crop_to(OnnxGraph& graph, const OnnxValue& x, std::int64_t from,
                       const OnnxValue& sides);

/// boxes [B,N,4] xyxy, scores [B,C,N] f32 -> [M,3] i64: batch, class and number of what greedy non-maximum
/// suppression keeps within each class of each batch, by falling score, of scores above `least_score`.
OnnxValue onnx_nms(OnnxGraph& graph, const OnnxValue& boxes, const OnnxValue& scores,
                   double overlap, double least_score);

struct OnnxRoiAlign {
  std::int64_t height = 7, width = 7, sampling_ratio = 2;
};
/// x [B,C,H,W] f32, boxes [N,4] xyxy in elements of x, whose centres are whole numbers, batches [N] i64 of x ->
/// [N,C,height,width] (ops::roi_align, not aligned).
OnnxValue onnx_roi_align(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& boxes,
                         const OnnxValue& batches, const OnnxRoiAlign& options = {});
/// x [B,C,H,W] f32, rois [N,5] f32: number in the batch and xyxy, of which `scale` makes elements of x -> [N,C,bins,bins]
/// (ops::roi_pool).
OnnxValue onnx_roi_pool(OnnxGraph& graph, const OnnxValue& x, const OnnxValue& rois,
                        std::int64_t bins, double scale);

}  // namespace clew::nn
