// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/pixel_evaluator.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "clew/core/error.h"
#include "clew/data/views.h"
#include "clew/segment/means.h"

namespace clew::segment {
namespace {

constexpr std::size_t kByteValues = 256, kTable = kByteValues * kByteValues;

ClassMap class_map(const torch::Tensor& map, const char* name) {
  CLEW_CHECK(map.scalar_type() == torch::kUInt8 && map.dim() == 2 && map.is_contiguous(), name,
             " must be [H,W] of Byte without gaps, got ", map.sizes(), " of ", map.scalar_type());
  return {.pixels = {map.data_ptr<std::uint8_t>(), static_cast<std::size_t>(map.numel())},
          .height = map.size(0),
          .width = map.size(1)};
}

}  // namespace

Confusion::Confusion(std::int64_t classes)
    : classes_(classes), counts_(static_cast<std::size_t>(classes * classes)) {
  CLEW_CHECK(classes >= 1 && classes <= 255, "a confusion matrix must have 1..255 classes, got ",
             classes);
}

Confusion::Count Confusion::add(std::span<const std::uint8_t> truth,
                                std::span<const std::uint8_t> predicted) {
  CLEW_CHECK(
      truth.size() == predicted.size() && truth.size() < std::numeric_limits<std::uint32_t>::max(),
      "as many pixels must be predicted as there are true ones, got ", predicted.size(), " and ",
      truth.size());
  scratch_.assign(2 * kTable, 0);
  // Two tables, for neighbours are mostly of one class, and an increment waits for the last one of its place.
  std::uint32_t *even = scratch_.data(), *odd = even + kTable;
  const auto pairs = truth.size() / 2 * 2;
  for (std::size_t i = 0; i < pairs; i += 2) {
    ++even[truth[i] * kByteValues + predicted[i]];
    ++odd[truth[i + 1] * kByteValues + predicted[i + 1]];
  }
  if (pairs < truth.size()) ++even[truth[pairs] * kByteValues + predicted[pairs]];
  Count count;
  const auto classes = static_cast<std::size_t>(classes_);
  for (std::size_t row = 0; row < kByteValues; ++row) {
    const bool is_void = row == static_cast<std::size_t>(data::kVoid);
    for (std::size_t column = 0; column < kByteValues; ++column) {
      const auto at = row * kByteValues + column;
      const auto pixels = static_cast<std::int64_t>(even[at]) + odd[at];
      if (pixels == 0 || is_void) continue;
      CLEW_CHECK(row < classes && column < classes, "a pixel's class must be in 0..", classes - 1,
                 ", got ", row, " predicted as ", column);
      counts_[row * classes + column] += pixels;
      count.counted += pixels;
      if (row != column) count.wrong += pixels;
    }
  }
  return count;
}

std::int64_t Confusion::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

std::int64_t Confusion::of_truth(std::int64_t number) const {
  std::int64_t sum = 0;
  for (std::int64_t j = 0; j < classes_; ++j) sum += at(number, j);
  return sum;
}

std::int64_t Confusion::of_prediction(std::int64_t number) const {
  std::int64_t sum = 0;
  for (std::int64_t j = 0; j < classes_; ++j) sum += at(j, number);
  return sum;
}

double Confusion::pixel_accuracy() const {
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < classes_; ++i) right += at(i, i);
  return ratio(right, total());
}

double Confusion::accuracy(std::int64_t number) const {
  return ratio(at(number, number), of_truth(number));
}

double Confusion::mean_accuracy() const {
  return mean_of(classes_, [&](std::int64_t i) { return accuracy(i); });
}

double Confusion::iou(std::int64_t number) const {
  const auto both = at(number, number);
  return ratio(both, of_truth(number) + of_prediction(number) - both);
}

double Confusion::mean_iou() const {
  return mean_of(classes_, [&](std::int64_t i) { return iou(i); });
}

double Confusion::weighted_iou() const {
  const auto all = total();
  if (all == 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (std::int64_t i = 0; i < classes_; ++i)
    if (const auto own = of_truth(i); own > 0) sum += static_cast<double>(own) * iou(i);
  return sum / static_cast<double>(all);
}

PixelEvaluator::PixelEvaluator(std::vector<std::string> classes)
    : classes_(std::move(classes)),
      confusion_(std::ssize(classes_)),
      boundaries_(std::ssize(classes_)) {}

void PixelEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  const auto &found = outputs.list("classes"), &truths = batch.list("mask");
  for (std::size_t i = 0; i < truths.size(); ++i) {
    const auto truth = truths[i].contiguous(), own = found[i].contiguous();
    add_picture(batch.indices[static_cast<std::int64_t>(i)].item<std::int64_t>(),
                class_map(truth, "mask"), class_map(own, "classes"));
  }
}

void PixelEvaluator::add_picture(std::int64_t index, const ClassMap& truth,
                                 const ClassMap& predicted) {
  CLEW_CHECK(truth.height == predicted.height && truth.width == predicted.width,
             "the predicted classes must have the size of the mask, ", truth.width, "x",
             truth.height, ", got ", predicted.width, "x", predicted.height);
  const auto count = confusion_.add(truth.pixels, predicted.pixels);
  const std::array row = {static_cast<double>(count.counted), static_cast<double>(count.wrong)};
  rows_.add(index, row);
  boundaries_.add(truth, predicted);
}

std::string PixelEvaluator::bytes() const {
  const auto raw = [](const std::vector<std::int64_t>& counts) {
    return std::string(reinterpret_cast<const char*>(counts.data()),
                       counts.size() * sizeof(std::int64_t));
  };
  return raw(confusion_.counts()) + raw(boundaries_.counts()) + rows_.bytes();
}

void PixelEvaluator::merge(std::string_view bytes) {
  const auto pixels = confusion_.counts().size() * sizeof(std::int64_t),
             boundaries = boundaries_.counts().size() * sizeof(std::int64_t);
  CLEW_CHECK(bytes.size() >= pixels + boundaries, "the state of an evaluation must have at least ",
             pixels + boundaries, " bytes, got ", bytes.size());
  rows_.merge(bytes.substr(pixels + boundaries));
  const auto add = [](std::vector<std::int64_t>& counts, std::string_view others) {
    std::vector<std::int64_t> more(counts.size());
    std::memcpy(more.data(), others.data(), others.size());
    std::ranges::transform(counts, more, counts.begin(), std::plus<>());
  };
  add(confusion_.counts(), bytes.substr(0, pixels));
  add(boundaries_.counts(), bytes.substr(pixels, boundaries));
}

std::vector<runs::Measure> PixelEvaluator::result() const {
  const auto share = [](const char* name, double value) {
    return runs::Measure{.name = name, .value = value, .unit = "share", .larger_is_better = true};
  };
  return {
      share("miou", confusion_.mean_iou()), share("pixel_accuracy", confusion_.pixel_accuracy()),
      share("mean_accuracy", confusion_.mean_accuracy()),
      share("fw_iou", confusion_.weighted_iou()), share("boundary_iou", boundaries_.mean_iou())};
}

std::vector<runs::Table> PixelEvaluator::tables() const {
  runs::Table each{
      .title = "Each class",
      .caption =
          "Intersection over union, of all pixels and of those near boundaries, share of the "
          "class's pixels that were found, and share of all pixels.",
      .row_title = "class",
      .columns = {{.name = "IoU", .unit = "share"},
                  {.name = "boundary IoU", .unit = "share"},
                  {.name = "accuracy", .unit = "share"},
                  {.name = "pixels", .unit = "share"}},
      .rows = {},
      .style = runs::TableStyle::kBars};
  runs::Table matrix{
      .title = "Confusion matrix",
      .caption =
          "Rows are the true classes, columns the predicted ones; shares of a true class's pixels.",
      .row_title = "class",
      .columns = {},
      .rows = {},
      .style = runs::TableStyle::kConfusion};
  for (std::int64_t i = 0; i < confusion_.classes(); ++i) {
    const auto& name = classes_[static_cast<std::size_t>(i)];
    each.rows.push_back({.name = name,
                         .values = {confusion_.iou(i), boundaries_.iou(i), confusion_.accuracy(i),
                                    ratio(confusion_.of_truth(i), confusion_.total())}});
    matrix.columns.push_back({.name = name, .unit = "share"});
    std::vector<double> values;
    for (std::int64_t j = 0; j < confusion_.classes(); ++j)
      values.push_back(ratio(confusion_.at(i, j), confusion_.of_truth(i)));
    matrix.rows.push_back({.name = name, .values = std::move(values)});
  }
  return {std::move(each), std::move(matrix)};
}

std::vector<PixelEvaluator::Picture> PixelEvaluator::worst(std::size_t most) const {
  std::vector<Picture> pictures;
  for (const auto& [index, row] : rows_.rows())
    if (row[1] > 0) pictures.push_back({.index = index, .wrong = row[1] / row[0]});
  std::ranges::stable_sort(pictures, std::greater<>(), &Picture::wrong);
  pictures.resize(std::min(pictures.size(), most));
  return pictures;
}

}  // namespace clew::segment
