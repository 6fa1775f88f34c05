// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_errors.h"

#include <algorithm>
#include <map>

namespace clew::detect {
namespace {

constexpr double kFoundOverlap = 0.5, kNearOverlap = 0.1;

void judge_picture(PictureErrors& picture) {
  auto& [image, truths, detections, verdicts, is_missed] = picture;
  std::ranges::stable_sort(detections, std::greater<>(), &ScoredBox::score);
  std::vector<bool> is_found(truths.size(), false);
  for (const auto& detection : detections) {
    double best = 0, near = 0, other = 0, ignored = 0;  // overlaps
    std::size_t own = truths.size();
    bool is_double = false;
    for (std::size_t t = 0; t < truths.size(); ++t) {
      const auto& truth = truths[t];
      const double overlap = box_iou(detection.box, truth.box, truth.is_crowd);
      if (truth.category != detection.category) {
        if (!truth.is_crowd && !truth.is_difficult) other = std::max(other, overlap);
        continue;
      }
      if (truth.is_crowd || truth.is_difficult) {
        ignored = std::max(ignored, overlap);
        continue;
      }
      near = std::max(near, overlap);
      if (overlap < kFoundOverlap) continue;
      if (is_found[t]) {
        is_double = true;
      } else if (overlap > best) {
        best = overlap;
        own = t;
      }
    }
    using enum BoxVerdict;
    if (own < truths.size()) is_found[own] = true;
    verdicts.push_back(own < truths.size()        ? kFound
                       : ignored >= kFoundOverlap ? kIgnored
                       : is_double                ? kDouble
                       : other >= kFoundOverlap   ? kConfused
                       : near >= kNearOverlap     ? kMisplaced
                                                  : kInvented);
  }
  for (std::size_t t = 0; t < truths.size(); ++t)
    is_missed.push_back(!is_found[t] && !truths[t].is_crowd && !truths[t].is_difficult);
}

}  // namespace

std::int64_t PictureErrors::count(BoxVerdict verdict) const {
  return std::ranges::count(verdicts, verdict);
}
std::int64_t PictureErrors::missed() const { return std::ranges::count(is_missed, true); }
std::int64_t PictureErrors::total() const {
  return missed() + std::ssize(verdicts) - count(BoxVerdict::kFound) - count(BoxVerdict::kIgnored);
}

std::vector<PictureErrors> box_errors(std::span<const TruthBox> truths,
                                      std::span<const ScoredBox> detections, double score) {
  std::map<std::int64_t, PictureErrors> pictures;
  for (const auto& truth : truths) pictures[truth.image].truths.push_back(truth);
  for (const auto& detection : detections)
    if (detection.score >= score) pictures[detection.image].detections.push_back(detection);
  std::vector<PictureErrors> all;
  for (auto& [image, picture] : pictures) {
    picture.image = image;
    judge_picture(picture);
    all.push_back(std::move(picture));
  }
  return all;
}

}  // namespace clew::detect
