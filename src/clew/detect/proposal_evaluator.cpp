// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/proposal_evaluator.h"

#include <torch/types.h>

#include <array>
#include <cmath>
#include <cstddef>

#include "clew/detect/detect_task.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::detect {

void ProposalEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto objects = learned_objects(batch, at).boxes.to(torch::kCPU, torch::kFloat32);
    const auto proposals = outputs.list("boxes")[at].to(torch::kCPU, torch::kFloat32);
    std::array<double, 3> row = {static_cast<double>(objects.size(0)), 0, 0};
    if (objects.size(0) > 0 && proposals.size(0) > 0) {
      const auto best = ops::box_iou(objects, proposals).amax(1);
      row[1] = best.ge(0.5).sum().item<double>();
      row[2] = best.ge(0.7).sum().item<double>();
    }
    counts_.add(batch.indices[i].item<std::int64_t>(), row);
  }
}

std::vector<runs::Measure> ProposalEvaluator::result() const {
  std::array<double, 3> sums{};
  for (const auto& [picture, row] : counts_.rows())
    for (std::size_t i = 0; i < sums.size(); ++i) sums.at(i) += row[i];
  const auto share = [&](double found) { return sums[0] > 0 ? found / sums[0] : std::nan(""); };
  return {{.name = "recall50", .value = share(sums[1]), .unit = "share", .larger_is_better = true},
          {.name = "recall70", .value = share(sums[2]), .unit = "share", .larger_is_better = true}};
}

}  // namespace clew::detect
