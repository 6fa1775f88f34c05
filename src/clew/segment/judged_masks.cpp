// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/judged_masks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/dataset.h"
#include "clew/data/formats/masks.h"
#include "clew/data/mask_pictures.h"
#include "clew/data/views.h"
#include "clew/image/files.h"
#include "clew/segment/pixel_evaluator.h"

namespace clew::segment {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kWorstJudged = 20;  // pictures in the details

using MasksByName = std::map<std::string, data::MaskPair>;

MasksByName truth_masks(const fs::path& folder) {
  MasksByName masks;
  if (!data::has_masks(folder)) {
    for (const auto& [stem, file] : data::files_by_stem(folder))
      masks.emplace(stem, data::MaskPair{.picture = {}, .mask = file});
    return masks;
  }
  for (auto& pair : data::list_masks(folder, data::Split::kTest)) {
    const auto stem = pair.mask.stem().string();
    masks.emplace(stem, std::move(pair));
  }
  return masks;
}

std::vector<std::string> judged_classes(const MaskFiles& files) {
  if (!files.classes.empty()) return files.classes;
  auto classes = data::mask_class_names(files.truth);
  if (classes.empty())
    throw UsageError(concat("classes must name the classes of the masks of '", files.truth.string(),
                            "', which has no ", data::kLabelsFile));
  return classes;
}

/// Reads pairs of masks as numbers of counted classes.
class MaskJudge {
 public:
  MaskJudge(std::vector<std::string> classes, const std::vector<std::string>& ignored)
      : classes_(std::move(classes)), counted_(data::counted_classes(classes_, ignored, "")) {
    numbers_.fill(static_cast<std::uint8_t>(data::kVoid));
    for (std::size_t i = 0; i < classes_.size(); ++i)
      if (const auto at = std::ranges::find(counted_, classes_[i]); at != counted_.end())
        numbers_.at(i) = static_cast<std::uint8_t>(at - counted_.begin());
  }

  const std::vector<std::string>& counted() const { return counted_; }

  void add(PixelEvaluator& evaluator, std::int64_t index, const fs::path& prediction,
           const data::MaskPair& truth) const {
    const auto wanted = data::read_mask(truth, std::ssize(classes_)),
               found = data::read_class_mask(prediction, std::ssize(classes_));
    CLEW_CHECK(found.width == wanted.width && found.height == wanted.height, "mask '",
               prediction.string(), "' must have the size of '", truth.mask.string(), "', ",
               wanted.width, "x", wanted.height, ", got ", found.width, "x", found.height);
    const auto own = numbers_of(wanted), predicted = numbers_of(found);
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (own[i] == data::kVoid || predicted[i] != data::kVoid) continue;
      const auto width = static_cast<std::size_t>(found.width);
      const auto value = found.values[i];
      throw Error(concat(prediction.string(), ": a counted pixel must be of a counted class, got ",
                         value == data::kVoid ? std::string("255") : classes_[value], " at pixel (",
                         i % width, ", ", i / width, ")"));
    }
    evaluator.add_picture(index, {.pixels = own, .height = wanted.height, .width = wanted.width},
                          {.pixels = predicted, .height = found.height, .width = found.width});
  }

 private:
  std::vector<std::uint8_t> numbers_of(const image::Values& mask) const {
    std::vector<std::uint8_t> numbers(mask.values.size());
    std::ranges::transform(mask.values, numbers.begin(),
                           [&](std::uint16_t value) { return numbers_.at(value); });
    return numbers;
  }

  std::vector<std::string> classes_, counted_;
  std::array<std::uint8_t, 256> numbers_{};  // of counted classes, by number in the masks
};

}  // namespace

runs::Evaluation judge_masks(const MaskFiles& files) {
  const MaskJudge judge(judged_classes(files), files.ignored);
  const auto truths = truth_masks(files.truth);
  auto predictions = data::files_by_stem(files.predictions);
  CLEW_CHECK(!truths.empty(), "'", files.truth.string(), "' must hold masks, got none");
  std::vector<std::pair<fs::path, data::MaskPair>> pairs;
  for (const auto& [stem, truth] : truths) {
    const auto prediction = predictions.extract(stem);
    CLEW_CHECK(!prediction.empty(), "'", truth.mask.string(),
               "' must have a prediction of its name in '", files.predictions.string(),
               "', got none");
    pairs.emplace_back(prediction.mapped(), truth);
  }
  CLEW_CHECK(predictions.empty(), "prediction '", predictions.begin()->second.string(),
             "' must have a mask of its name in '", files.truth.string(), "', got none");

  PixelEvaluator evaluator(judge.counted());
  for (std::size_t i = 0; i < pairs.size(); ++i)
    judge.add(evaluator, static_cast<std::int64_t>(i), pairs[i].first, pairs[i].second);
  auto worst = nlohmann::json::array();
  for (const auto& one : evaluator.worst(kWorstJudged)) {
    const auto& file = pairs[static_cast<std::size_t>(one.index)].first;
    worst.push_back({{"file", printable(file.string())}, {"wrong", one.wrong}});
  }
  const auto& confusion = evaluator.confusion();
  return {.summary =
              concat(pairs.size(), " masks with ", confusion.total(), " counted pixels of ",
                     judge.counted().size(), " classes: mean IoU ", percent(confusion.mean_iou()),
                     ", ", percent(confusion.pixel_accuracy()), " of the pixels are right."),
          .measures = evaluator.result(),
          .tables = evaluator.tables(),
          .details = nlohmann::json{{"pictures", pairs.size()}, {"worst", worst}}.dump()};
}

}  // namespace clew::segment
