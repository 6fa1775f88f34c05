// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes.h"

#include <torch/types.h>

#include "clew/core/error.h"

namespace clew::ops {

torch::Tensor box_overlap(const torch::Tensor& boxes, const torch::Tensor& targets) {
  const auto shape = [](const torch::Tensor& t) {
    return t.defined() ? concat(t.sizes()) : std::string("an undefined tensor");
  };
  CLEW_CHECK(boxes.defined() && boxes.dim() == 2 && boxes.size(1) == 4, "boxes must be [B,4], got ",
             shape(boxes), " (box_overlap)");
  CLEW_CHECK(targets.defined() && targets.sizes() == boxes.sizes(), "targets must be ",
             boxes.sizes(), " as the boxes, got ", shape(targets), " (box_overlap)");
  const auto low = torch::max(boxes.narrow(1, 0, 2), targets.narrow(1, 0, 2)),
             high = torch::min(boxes.narrow(1, 2, 2), targets.narrow(1, 2, 2));
  const auto both = (high - low).clamp_min(0).prod(1);
  const auto area = [](const torch::Tensor& b) {
    return (b.narrow(1, 2, 2) - b.narrow(1, 0, 2)).prod(1);
  };
  return both / (area(boxes) + area(targets) - both).clamp_min(1e-12);
}

}  // namespace clew::ops
