// SPDX-License-Identifier: Apache-2.0
// Evaluator of detections: average precision by COCO's rules, in all and by class and size of object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "clew/detect/box_metrics.h"
#include "clew/train/evaluator.h"

namespace clew::detect {

/// Outputs boxes [N,4] f xyxy, scores [N] f, labels [N] i64 in 1..C, each listed, and with masks also masks [N,28,28] f in
/// [0,1] over the boxes; columns of data::box_columns. Measures: ap (mean over overlaps 0.5 to 0.95), ap50, ap75, ar100, and
/// of masks mask_ap, mask_ap50, mask_ap75.
class BoxEvaluator : public train::Evaluator {
 public:
  /// `classes`: names; label 1 is the first.
  explicit BoxEvaluator(std::vector<std::string> classes, bool has_masks = false)
      : classes_(std::move(classes)), has_masks_(has_masks) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override;
  void merge(std::string_view bytes) override;
  std::vector<runs::Measure> result() const override;
  std::vector<runs::Table> tables() const override;
  std::vector<runs::Curve> curves() const override;

  /// By picture; detections of one by falling score.
  std::vector<TruthBox> truths() const;
  std::vector<ScoredBox> detections() const;
  const std::vector<std::string>& classes() const { return classes_; }

 private:
  CocoResult coco() const;
  CocoResult mask_coco() const;
  /// Adds the overlaps of one picture's masks; gives the areas of the detections'.
  std::vector<double> add_overlaps(std::int64_t picture, const torch::Tensor& boxes,
                                   const torch::Tensor& labels, const torch::Tensor& masks,
                                   const data::Batch& batch, std::size_t at);

  std::vector<std::string> classes_;
  bool has_masks_;
  train::Rows truths_{8};      // picture, class, x, y, width, height, area; 1: crowd, 2: difficult
  train::Rows detections_{8};  // picture, class, x, y, width, height, score, area of the mask
  train::Rows overlaps_{4};    // picture, detection and truth in it, IoU above 0 of their masks
};

/// The twelve numbers of COCO's table: ap, ap50, ap75, ap_small, ap_medium, ap_large, ar1, ar10, ar100, ar_small, ...
std::vector<runs::Measure> coco_measures(const CocoResult& result);
/// Measures of masks: mask_ap, mask_ap50, mask_ap75.
std::vector<runs::Measure> mask_measures(const CocoResult& result);
/// Average precision of each class.
runs::Table class_table(const CocoResult& result, std::span<const TruthBox> truths,
                        const std::vector<std::string>& classes, const std::string& title);
/// Measures, tables and curves of detections, as of BoxEvaluator.
std::vector<runs::Measure> box_measures(const CocoResult& result);
std::vector<runs::Table> box_tables(const CocoResult& result, std::span<const TruthBox> truths,
                                    const std::vector<std::string>& classes);
std::vector<runs::Curve> box_curves(const CocoResult& result,
                                    const std::vector<std::string>& classes);

}  // namespace clew::detect
