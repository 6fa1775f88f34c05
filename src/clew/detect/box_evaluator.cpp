// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_evaluator.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "clew/core/error.h"
#include "clew/detect/masks.h"

namespace clew::detect {
namespace {

constexpr std::int64_t kMostBoxes = 1 << 20;  // of a picture
constexpr double kCrowd = 1, kDifficult = 2;
constexpr std::size_t kMostLines = 12;  // of a plot

/// -1 -> NaN.
double known(double value) { return value < 0 ? std::numeric_limits<double>::quiet_NaN() : value; }

BoxXywh xywh(const float* xyxy) {
  return {xyxy[0], xyxy[1], static_cast<double>(xyxy[2]) - xyxy[0],
          static_cast<double>(xyxy[3]) - xyxy[1]};
}

/// [N] or [N,4] of a given type, on the CPU, dense.
torch::Tensor dense(const torch::Tensor& tensor, torch::ScalarType type) {
  return tensor.to(torch::kCPU, type).contiguous();
}

std::int64_t row_number(std::int64_t picture, std::int64_t box) {
  CLEW_CHECK(box < kMostBoxes, "picture ", picture, " has more than ", kMostBoxes, " boxes");
  return picture * kMostBoxes + box;
}

}  // namespace

void BoxEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  for (std::int64_t i = 0; i < batch.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const auto picture = batch.indices[i].item<std::int64_t>();
    const auto column = [&](const data::Batch& from, const char* name, torch::ScalarType type) {
      return dense(from.list(name)[at], type);
    };
    {
      const auto boxes = column(batch, "boxes", torch::kFloat32),
                 labels = column(batch, "labels", torch::kInt64),
                 areas = column(batch, "areas", torch::kFloat32),
                 crowd = column(batch, "crowd", torch::kBool),
                 difficult = column(batch, "difficult", torch::kBool);
      for (std::int64_t k = 0; k < labels.numel(); ++k) {
        const auto [x, y, width, height] = xywh(boxes.data_ptr<float>() + 4 * k);
        const double flags = (crowd.data_ptr<bool>()[k] ? kCrowd : 0) +
                             (difficult.data_ptr<bool>()[k] ? kDifficult : 0);
        const std::array<double, 8> row = {static_cast<double>(picture),
                                           static_cast<double>(labels.data_ptr<std::int64_t>()[k]),
                                           x,
                                           y,
                                           width,
                                           height,
                                           areas.data_ptr<float>()[k],
                                           flags};
        truths_.add(row_number(picture, k), row);
      }
    }
    const auto boxes = column(outputs, "boxes", torch::kFloat32),
               labels = column(outputs, "labels", torch::kInt64),
               scores = column(outputs, "scores", torch::kFloat32);
    const auto mask_areas =
        has_masks_ ? add_overlaps(picture, boxes, labels, outputs.list("masks")[at], batch, at)
                   : std::vector<double>(static_cast<std::size_t>(labels.numel()));
    for (std::int64_t k = 0; k < labels.numel(); ++k) {
      const auto [x, y, width, height] = xywh(boxes.data_ptr<float>() + 4 * k);
      const std::array<double, 8> row = {
          static_cast<double>(picture),
          static_cast<double>(labels.data_ptr<std::int64_t>()[k] - 1),
          x,
          y,
          width,
          height,
          scores.data_ptr<float>()[k],
          mask_areas[static_cast<std::size_t>(k)]};
      detections_.add(row_number(picture, k), row);
    }
  }
}

std::vector<double> BoxEvaluator::add_overlaps(std::int64_t picture, const torch::Tensor& boxes,
                                               const torch::Tensor& labels,
                                               const torch::Tensor& masks, const data::Batch& batch,
                                               std::size_t at) {
  const auto& truth_masks = batch.list("masks")[at];
  const auto truth_labels = dense(batch.list("labels")[at], torch::kInt64),
             crowd = dense(batch.list("crowd")[at], torch::kBool);
  std::vector<MaskBits> truths;
  for (std::int64_t t = 0; t < truth_labels.numel(); ++t) truths.emplace_back(truth_masks[t]);
  std::vector<double> areas;
  std::int64_t pair = 0;
  for (std::int64_t d = 0; d < labels.numel(); ++d) {
    const MaskBits own(paste_mask(masks[d], boxes[d], {truth_masks.size(1), truth_masks.size(2)}));
    areas.push_back(static_cast<double>(own.area()));
    for (std::int64_t t = 0; t < truth_labels.numel(); ++t) {
      if (truth_labels.data_ptr<std::int64_t>()[t] != labels.data_ptr<std::int64_t>()[d] - 1)
        continue;
      const double iou = own.iou(truths[static_cast<std::size_t>(t)], crowd.data_ptr<bool>()[t]);
      if (iou == 0) continue;
      const std::array<double, 4> row = {static_cast<double>(picture), static_cast<double>(d),
                                         static_cast<double>(t), iou};
      overlaps_.add(row_number(picture, pair++), row);
    }
  }
  return areas;
}

std::string BoxEvaluator::bytes() const {
  std::string bytes;
  for (const auto* const rows : {&truths_, &detections_, &overlaps_}) {
    const auto own = rows->bytes();
    const auto size = static_cast<std::uint64_t>(own.size());
    bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
    bytes += own;
  }
  return bytes;
}

void BoxEvaluator::merge(std::string_view bytes) {
  for (auto* const rows : {&truths_, &detections_, &overlaps_}) {
    std::uint64_t size = 0;
    CLEW_CHECK(bytes.size() >= sizeof size, "the state of a box evaluator is cut off");
    std::memcpy(&size, bytes.data(), sizeof size);
    bytes.remove_prefix(sizeof size);
    CLEW_CHECK(size <= bytes.size(), "the state of a box evaluator is cut off");
    rows->merge(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
}

std::vector<TruthBox> BoxEvaluator::truths() const {
  std::vector<TruthBox> truths;
  for (const auto& [number, row] : truths_.rows())
    truths.push_back({.image = static_cast<std::int64_t>(row[0]),
                      .category = static_cast<int>(row[1]),
                      .box = {row[2], row[3], row[4], row[5]},
                      .area_px = row[6],
                      .is_crowd = row[7] == kCrowd || row[7] == kCrowd + kDifficult,
                      .is_difficult = row[7] >= kDifficult});
  return truths;
}

std::vector<ScoredBox> BoxEvaluator::detections() const {
  std::vector<ScoredBox> detections;
  for (const auto& [number, row] : detections_.rows())
    detections.push_back({.image = static_cast<std::int64_t>(row[0]),
                          .category = static_cast<int>(row[1]),
                          .box = {row[2], row[3], row[4], row[5]},
                          .score = row[6]});
  return detections;
}

CocoResult BoxEvaluator::coco() const {
  return evaluate_coco(truths(), detections(),
                       {.categories = static_cast<int>(std::ssize(classes_))});
}

CocoResult BoxEvaluator::mask_coco() const {
  // Numbers of detections and truths in the order of truths() and detections().
  const auto numbers = [](const train::Rows& rows) {
    std::map<std::int64_t, std::size_t> by_key;
    for (const auto& [key, row] : rows.rows()) by_key.emplace(key, by_key.size());
    return by_key;
  };
  const auto truth_numbers = numbers(truths_), detection_numbers = numbers(detections_);
  std::map<std::pair<std::size_t, std::size_t>, double> ious;
  for (const auto& [key, row] : overlaps_.rows()) {
    const auto picture = static_cast<std::int64_t>(row[0]);
    const auto d = row_number(picture, static_cast<std::int64_t>(row[1])),
               t = row_number(picture, static_cast<std::int64_t>(row[2]));
    ious[{detection_numbers.at(d), truth_numbers.at(t)}] = row[3];
  }
  std::vector<double> areas;
  for (const auto& [key, row] : detections_.rows()) areas.push_back(row[7]);
  CocoOptions options{.categories = static_cast<int>(std::ssize(classes_)),
                      .overlaps =
                          [&](std::span<const std::size_t> detections,
                              std::span<const std::size_t> truths, double* out) {
                            for (const auto d : detections) {
                              for (const auto t : truths) {
                                const auto found = ious.find({d, t});
                                *out++ = found == ious.end() ? 0 : found->second;
                              }
                            }
                          },
                      .detection_areas = areas};
  return evaluate_coco(truths(), detections(), options);
}

std::vector<runs::Measure> BoxEvaluator::result() const {
  auto measures = box_measures(coco());
  if (has_masks_) {
    const auto masks = mask_measures(mask_coco());
    measures.insert(measures.end(), masks.begin(), masks.end());
  }
  return measures;
}
std::vector<runs::Table> BoxEvaluator::tables() const {
  auto tables = box_tables(coco(), truths(), classes_);
  if (has_masks_)
    tables.insert(tables.begin() + 1,
                  class_table(mask_coco(), truths(), classes_, "Masks of each class"));
  return tables;
}
std::vector<runs::Curve> BoxEvaluator::curves() const { return box_curves(coco(), classes_); }

std::vector<runs::Measure> coco_measures(const CocoResult& result) {
  constexpr std::array<const char*, 12> kNames = {"ap",        "ap50",     "ap75",      "ap_small",
                                                  "ap_medium", "ap_large", "ar1",       "ar10",
                                                  "ar100",     "ar_small", "ar_medium", "ar_large"};
  const auto all = result.summary();
  std::vector<runs::Measure> measures;
  for (std::size_t i = 0; i < all.size(); ++i)
    measures.push_back({.name = kNames.at(i),
                        .value = known(all.at(i)),
                        .unit = "share",
                        .larger_is_better = true});
  return measures;
}

std::vector<runs::Measure> mask_measures(const CocoResult& result) {
  auto measures = coco_measures(result);
  measures.resize(3);
  for (auto& one : measures) one.name = "mask_" + one.name;
  return measures;
}

std::vector<runs::Measure> box_measures(const CocoResult& result) {
  const auto all = coco_measures(result);
  return {all[0], all[1], all[2], all[8]};
}

runs::Table class_table(const CocoResult& result, std::span<const TruthBox> truths,
                        const std::vector<std::string>& classes, const std::string& title) {
  runs::Table by_class{.title = title,
                       .caption =
                           "Average precision by COCO's rules: at an intersection over "
                           "union of 0.5, of 0.75, and the mean over 0.5 to 0.95.",
                       .row_title = "class",
                       .columns = {{.name = "AP50", .unit = "share"},
                                   {.name = "AP75", .unit = "share"},
                                   {.name = "AP", .unit = "share"},
                                   {.name = "objects"}},
                       .rows = {},
                       .style = runs::TableStyle::kBars};
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const auto category = static_cast<int>(k);
    by_class.rows.push_back({.name = classes[k],
                             .values = {known(result.average_precision(0, 0, category)),
                                        known(result.average_precision(5, 0, category)),
                                        known(result.average_precision(-1, 0, category)),
                                        static_cast<double>(std::ranges::count(
                                            truths, category, &TruthBox::category))}});
  }
  return by_class;
}

std::vector<runs::Table> box_tables(const CocoResult& result, std::span<const TruthBox> truths,
                                    const std::vector<std::string>& classes) {
  runs::Table by_size{
      .title = "Each size",
      .caption =
          "Small: an area below 32^2 pixels; medium: up to 96^2; large: "
          "above. Recall: within 100 detections of a picture and class.",
      .row_title = "objects",
      .columns = {{.name = "AP", .unit = "share"}, {.name = "recall", .unit = "share"}},
      .rows = {},
      .style = runs::TableStyle::kPlain};
  constexpr std::array<const char*, CocoResult::kAreas> kSizes = {"all", "small", "medium",
                                                                  "large"};
  for (int area = 0; area < CocoResult::kAreas; ++area)
    by_size.rows.push_back({.name = kSizes.at(static_cast<std::size_t>(area)),
                            .values = {known(result.average_precision(-1, area)),
                                       known(result.average_recall(2, area))}});
  return {class_table(result, truths, classes, "Each class"), std::move(by_size)};
}

std::vector<runs::Curve> box_curves(const CocoResult& result,
                                    const std::vector<std::string>& classes) {
  runs::Curve curve{.title = "Precision over recall",
                    .caption = "At an intersection over union of 0.5.",
                    .x_name = "recall",
                    .y_name = "precision",
                    .lines = {},
                    .is_share = true};
  const auto k_count = static_cast<std::size_t>(result.categories);
  const auto at = [&](std::size_t recall, std::size_t k) {
    return result.precision[((recall * k_count + k) * CocoResult::kAreas) * CocoResult::kLimits +
                            CocoResult::kLimits - 1];
  };
  for (std::size_t k = 0; k < classes.size() && curve.lines.size() < kMostLines; ++k) {
    if (at(0, k) < 0) continue;
    runs::Curve::Line line{.name = classes[k], .x = {}, .y = {}};
    for (std::size_t r = 0; r < CocoResult::kRecalls; ++r) {
      line.x.push_back(static_cast<double>(r) / (CocoResult::kRecalls - 1));
      line.y.push_back(at(r, k));
    }
    curve.lines.push_back(std::move(line));
  }
  if (curve.lines.empty()) return {};
  return {std::move(curve)};
}

}  // namespace clew::detect
