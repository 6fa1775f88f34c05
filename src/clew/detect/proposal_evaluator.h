// SPDX-License-Identifier: Apache-2.0
// Recall of objects by region proposals (Hosang et al. 2015, arXiv 1502.05082, section 4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clew/train/evaluator.h"

namespace clew::detect {

/// Objects that a proposal overlaps by 0.5, "recall50", and by 0.7, "recall70", as shares of all but crowds and difficult
/// ones; NaN without objects. Outputs: listed boxes [N,4] f32 xyxy; batches of data::box_columns.
class ProposalEvaluator : public train::Evaluator {
 public:
  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override { return counts_.bytes(); }
  void merge(std::string_view bytes) override { counts_.merge(bytes); }
  std::vector<runs::Measure> result() const override;

 private:
  train::Rows counts_{3};  // of each picture: objects, found at 0.5, at 0.7
};

}  // namespace clew::detect
