// SPDX-License-Identifier: Apache-2.0
// Measures of segmentations from counts of pixels (Long et al. 2015, section 5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/runs/evaluation.h"
#include "clew/segment/boundary.h"
#include "clew/train/evaluator.h"

namespace clew::segment {

/// Pixels [C,C] by true class (row) and predicted one (column); exact.
class Confusion {
 public:
  /// 1..255 classes.
  explicit Confusion(std::int64_t classes);

  /// Adds pixels of equal places, u8: classes, or data::kVoid in `truth` where they are not counted. Different numbers of
  /// pixels, other classes: clew::Error. Returns the counted and the wrong ones of these.
  struct Count {
    std::int64_t counted = 0, wrong = 0;
  };
  Count add(std::span<const std::uint8_t> truth, std::span<const std::uint8_t> predicted);

  std::int64_t classes() const { return classes_; }
  std::int64_t at(std::int64_t truth, std::int64_t predicted) const {
    return counts_[static_cast<std::size_t>(truth * classes_ + predicted)];
  }
  const std::vector<std::int64_t>& counts() const { return counts_; }
  std::vector<std::int64_t>& counts() { return counts_; }
  std::int64_t total() const;
  std::int64_t of_truth(std::int64_t number) const;       // t_i
  std::int64_t of_prediction(std::int64_t number) const;  // sum_j n_ji

  // NaN where there is nothing to divide by; means are over classes with a value.
  double pixel_accuracy() const;
  double accuracy(std::int64_t number) const;  // n_ii / t_i
  double mean_accuracy() const;
  double iou(std::int64_t number) const;  // intersection over union
  double mean_iou() const;
  double weighted_iou() const;  // by frequency

 private:
  std::int64_t classes_;
  std::vector<std::int64_t> counts_;
  std::vector<std::uint32_t> scratch_;  // two of [256,256], for even and odd pixels
};

/// Outputs: listed "classes" [H,W] u8; column: listed "mask" [H,W] u8 -> measures miou, pixel_accuracy, mean_accuracy,
/// fw_iou, boundary_iou (shares).
class PixelEvaluator : public train::Evaluator {
 public:
  /// `classes`: names by class.
  explicit PixelEvaluator(std::vector<std::string> classes);

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  /// A picture: classes, or data::kVoid in `truth` where they are not counted. Another size, another class: clew::Error.
  void add_picture(std::int64_t index, const ClassMap& truth, const ClassMap& predicted);
  std::string bytes() const override;
  void merge(std::string_view bytes) override;
  std::vector<runs::Measure> result() const override;
  /// IoU, boundary IoU and accuracy of each class, and the confusion matrix as shares of the true classes.
  std::vector<runs::Table> tables() const override;

  const Confusion& confusion() const { return confusion_; }
  const BoundaryCounts& boundaries() const { return boundaries_; }
  /// Examples of the highest shares of wrong pixels, at most `most`, without those that are all right.
  struct Picture {
    std::int64_t index = 0;
    double wrong = 0;  // share of the counted pixels
  };
  std::vector<Picture> worst(std::size_t most) const;

 private:
  std::vector<std::string> classes_;
  Confusion confusion_;
  BoundaryCounts boundaries_;
  train::Rows rows_{2};  // counted and wrong pixels
};

}  // namespace clew::segment
