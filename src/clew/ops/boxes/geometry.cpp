// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/geometry.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"
#include "clew/ops/boxes/overlap_fast.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;

/// Centres and sizes along one axis, [N].
struct BoxSides {
  BoxSides(const Tensor& boxes, int axis)
      : size(boxes.select(1, axis + 2) - boxes.select(1, axis)),
        centre(boxes.select(1, axis) + 0.5 * size) {}
  Tensor size, centre;
};

template <class T>
Tensor fast_iou(const Tensor& boxes, const Tensor& others) {
  const std::int64_t n = boxes.size(0), m = others.size(0);
  Tensor result = torch::empty({n, m}, boxes.options());
  const BoxColumns<T> columns(others.data_ptr<T>(), m);
  const T* const rows = boxes.data_ptr<T>();
  T* const out = result.data_ptr<T>();
  const std::int64_t grain =
      std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, m));  // numbers to a task
  at::parallel_for(0, n, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) iou_row(columns, rows + 4 * i, out + i * m);
  });
  return result;
}

}  // namespace

Tensor box_area(const Tensor& boxes) {
  check_boxes(boxes, "boxes", "box_area");
  return (boxes.select(1, 2) - boxes.select(1, 0)) * (boxes.select(1, 3) - boxes.select(1, 1));
}

Tensor box_overlap(const Tensor& boxes, const Tensor& targets) {
  const auto shape = [](const Tensor& t) {
    return t.defined() ? concat(t.sizes()) : std::string("an undefined tensor");
  };
  CLEW_CHECK(boxes.defined() && boxes.dim() == 2 && boxes.size(1) == 4, "boxes must be [B,4], got ",
             shape(boxes), " (box_overlap)");
  CLEW_CHECK(targets.defined() && targets.sizes() == boxes.sizes(), "targets must be ",
             boxes.sizes(), " as the boxes, got ", shape(targets), " (box_overlap)");
  const auto low = torch::max(boxes.narrow(1, 0, 2), targets.narrow(1, 0, 2)),
             high = torch::min(boxes.narrow(1, 2, 2), targets.narrow(1, 2, 2));
  const auto both = (high - low).clamp_min(0).prod(1);
  const auto area = [](const Tensor& b) { return (b.narrow(1, 2, 2) - b.narrow(1, 0, 2)).prod(1); };
  return both / (area(boxes) + area(targets) - both).clamp_min(1e-12);
}

Tensor box_iou(const Tensor& boxes, const Tensor& others) {
  check_boxes(boxes, "boxes", "box_iou");
  check_boxes(others, "others", "box_iou");
  check_like(others, "others", boxes, "boxes", "box_iou");
  const bool is_fast = boxes.device().is_cpu() && !is_tracing() &&
                       !torch::autograd::compute_requires_grad(boxes, others);
  if (is_fast) {
    const Tensor a = boxes.contiguous(), b = others.contiguous();
    return a.scalar_type() == torch::kFloat64 ? fast_iou<double>(a, b) : fast_iou<float>(a, b);
  }
  const Tensor rows = boxes.unsqueeze(1);
  const Tensor sides = (torch::min(rows.narrow(2, 2, 2), others.narrow(1, 2, 2)) -
                        torch::max(rows.narrow(2, 0, 2), others.narrow(1, 0, 2)))
                           .clamp_min(0);
  const Tensor both = sides.select(2, 0) * sides.select(2, 1);
  return both / (box_area(boxes).unsqueeze(1) + box_area(others) - both);
}

Tensor encode_boxes(const Tensor& boxes, const Tensor& anchors, const BoxCoding& coding) {
  check_boxes(boxes, "boxes", "encode_boxes");
  check_boxes(anchors, "anchors", "encode_boxes");
  CLEW_CHECK(anchors.sizes() == boxes.sizes(), "anchors must be ", boxes.sizes(),
             " as the boxes, got ", anchors.sizes(), " (encode_boxes)");
  check_like(anchors, "anchors", boxes, "boxes", "encode_boxes");
  const BoxSides x(boxes, 0), y(boxes, 1), from_x(anchors, 0), from_y(anchors, 1);
  const auto& w = coding.weights;
  return torch::stack({w[0] * (x.centre - from_x.centre) / from_x.size,
                       w[1] * (y.centre - from_y.centre) / from_y.size,
                       w[2] * (x.size / from_x.size).log(), w[3] * (y.size / from_y.size).log()},
                      1);
}

Tensor decode_boxes(const Tensor& codes, const Tensor& anchors, const BoxCoding& coding) {
  check_boxes(anchors, "anchors", "decode_boxes");
  CLEW_CHECK(codes.defined() && codes.dim() == 2 && codes.size(0) == anchors.size(0) &&
                 codes.size(1) % 4 == 0 && is_f32_or_f64(codes),
             "codes must be [", anchors.size(0), ",4*C] f32 or f64 for the anchors ",
             anchors.sizes(), ", got ", described(codes), " (decode_boxes)");
  for (const double weight : coding.weights)
    CLEW_CHECK(weight != 0, "weights must not be 0, got ", weight, " (decode_boxes)");
  const Tensor from = anchors.to(codes.scalar_type()),
               given = codes.view({codes.size(0), codes.size(1) / 4, 4});
  const auto centre = [&](int axis, const BoxSides& sides) {
    return given.select(2, axis) / coding.weights[static_cast<std::size_t>(axis)] *
               sides.size.unsqueeze(1) +
           sides.centre.unsqueeze(1);
  };
  const auto half = [&](int axis, const BoxSides& sides) {
    const Tensor log =
        (given.select(2, axis + 2) / coding.weights[static_cast<std::size_t>(axis + 2)])
            .clamp_max(coding.largest_log);
    return 0.5 * (log.exp() * sides.size.unsqueeze(1));
  };
  const BoxSides by_x(from, 0), by_y(from, 1);
  const Tensor x = centre(0, by_x), y = centre(1, by_y), w = half(0, by_x), h = half(1, by_y);
  return torch::stack({x - w, y - h, x + w, y + h}, 2);
}

Tensor clip_boxes(const Tensor& boxes, ImageSize image) {
  CLEW_CHECK(boxes.defined() && boxes.dim() >= 1 && boxes.size(-1) == 4 && is_f32_or_f64(boxes),
             "boxes must be [...,4] f32 or f64, got ", described(boxes), " (clip_boxes)");
  CLEW_CHECK(image.height >= 0 && image.width >= 0, "image must be at least 0x0, got ",
             image.height, "x", image.width, " (clip_boxes)");
  const auto cut = [&](int number, std::int64_t most) {
    return boxes.select(-1, number).clamp(0, most);
  };
  return torch::stack(
      {cut(0, image.width), cut(1, image.height), cut(2, image.width), cut(3, image.height)}, -1);
}

Tensor large_boxes(const Tensor& boxes, double side) {
  check_boxes(boxes, "boxes", "large_boxes");
  const torch::NoGradGuard no_grad;
  const auto is_large = [&](int axis) {
    return (boxes.select(1, axis + 2) - boxes.select(1, axis)).ge(side);
  };
  return torch::nonzero(is_large(0).logical_and(is_large(1))).squeeze(1);
}

}  // namespace clew::ops
