// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/box_metrics.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "clew/core/error.h"
#include "clew/core/pool.h"

namespace clew::detect {
namespace {

constexpr int kT = CocoResult::kThresholds, kR = CocoResult::kRecalls, kA = CocoResult::kAreas,
              kM = CocoResult::kLimits;
constexpr std::array<std::size_t, kM> kMostDetections = {1, 10, 100};
constexpr std::array<std::array<double, 2>, kA> kAreaRanges = {
    {{0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}}};

/// NumPy's linspace, to the bit.
template <std::size_t count>
std::array<double, count> linspace(double first, double last) {
  std::array<double, count> values{};
  const double step = (last - first) / (count - 1);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(i) * step + first;
  values.back() = last;
  return values;
}

const auto kThresholdValues = linspace<kT>(0.5, 0.95);
const auto kRecallValues = linspace<kR>(0, 1);

/// Numbers 0..count-1 by category, then picture, then as they stand.
template <class Boxes>
std::vector<std::size_t> by_cell(const Boxes& boxes) {
  std::vector<std::size_t> order(boxes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto &x = boxes[a], &y = boxes[b];
    if (x.category != y.category) return x.category < y.category;
    return x.image != y.image ? x.image < y.image : a < b;
  });
  return order;
}

/// Begin of each category in an order of by_cell, and its end.
template <class Boxes>
std::vector<std::size_t> category_starts(const Boxes& boxes, const std::vector<std::size_t>& order,
                                         int categories) {
  std::vector<std::size_t> starts(static_cast<std::size_t>(categories) + 1);
  for (const auto i : order) ++starts[static_cast<std::size_t>(boxes[i].category) + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  return starts;
}

void check_boxes(std::span<const TruthBox> truths, std::span<const ScoredBox> detections,
                 int categories) {
  CLEW_CHECK(categories >= 1, "categories must be at least 1, got ", categories);
  const auto check = [&](const auto& one, const char* what, std::size_t number) {
    CLEW_CHECK(one.category >= 0 && one.category < categories, what, " ", number,
               ": category must be in 0..", categories - 1, ", got ", one.category);
    CLEW_CHECK(std::ranges::all_of(one.box, [](double x) { return std::isfinite(x); }), what, " ",
               number, ": a box must be finite");
  };
  for (std::size_t i = 0; i < truths.size(); ++i) {
    check(truths[i], "truth", i);
    CLEW_CHECK(std::isfinite(truths[i].area_px), "truth ", i, ": an area must be finite");
  }
  for (std::size_t i = 0; i < detections.size(); ++i) {
    check(detections[i], "detection", i);
    CLEW_CHECK(std::isfinite(detections[i].score), "detection ", i, ": a score must be finite");
  }
}

/// A detection of a category: thresholds as bits.
struct Judged {
  double score;
  std::uint32_t rank;                       // in its picture
  std::array<std::uint16_t, kA> matched{};  // a truth, whether it counts or not
  std::array<std::uint16_t, kA> ignored{};
};

/// One category of one thread.
class CategoryEvaluation {
 public:
  CategoryEvaluation(std::span<const TruthBox> truths, std::span<const ScoredBox> detections,
                     const CocoOptions& options)
      : truths_(truths), detections_(detections), options_(options) {}

  void begin() {
    judged_.clear();
    counted_.fill(0);
  }
  /// Detections and truths of the category in one picture.
  void add_picture(std::span<const std::size_t> detections, std::span<const std::size_t> truths);
  void write(int category, CocoResult& result);

 private:
  double area_of(std::size_t detection) const {
    const auto& areas = options_.detection_areas;
    const auto& box = detections_[detection].box;
    return areas.empty() ? box[2] * box[3] : areas[detection];
  }
  void match(int area, std::span<Judged> judged);

  std::span<const TruthBox> truths_;
  std::span<const ScoredBox> detections_;
  const CocoOptions& options_;
  std::vector<Judged> judged_;
  std::array<std::size_t, kA> counted_{};  // truths that count, by area
  // Of the picture at hand.
  std::vector<std::size_t> ranked_,
      order_;  // detections by falling score; truths, those that count first
  std::span<const std::size_t> here_;  // truths
  std::vector<double> overlaps_;       // [detections, truths]
  std::vector<std::uint8_t> is_ignored_, is_taken_;
  std::vector<double> precisions_;
};

void CategoryEvaluation::add_picture(std::span<const std::size_t> detections,
                                     std::span<const std::size_t> truths) {
  ranked_.assign(detections.begin(), detections.end());
  std::ranges::stable_sort(ranked_, [&](std::size_t a, std::size_t b) {
    return detections_[a].score > detections_[b].score;
  });
  if (ranked_.size() > kMostDetections.back()) ranked_.resize(kMostDetections.back());
  here_ = truths;
  overlaps_.resize(ranked_.size() * truths.size());
  if (options_.overlaps && !overlaps_.empty()) {
    options_.overlaps(ranked_, truths, overlaps_.data());
  } else {
    auto* out = overlaps_.data();
    for (const auto d : ranked_)
      for (const auto t : truths)
        *out++ = box_iou(detections_[d].box, truths_[t].box, truths_[t].is_crowd);
  }
  const std::size_t first = judged_.size();
  for (std::size_t rank = 0; rank < ranked_.size(); ++rank)
    judged_.push_back(
        {.score = detections_[ranked_[rank]].score, .rank = static_cast<std::uint32_t>(rank)});
  for (int area = 0; area < kA; ++area) match(area, std::span(judged_).subspan(first));
}

void CategoryEvaluation::match(int area, std::span<Judged> judged) {
  const auto a = static_cast<std::size_t>(area);
  const auto [least, most] = kAreaRanges[a];
  const std::size_t count = here_.size();
  is_ignored_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& truth = truths_[here_[i]];
    is_ignored_[i] = truth.is_crowd || truth.area_px < least || truth.area_px > most;
    counted_[a] += is_ignored_[i] == 0;
  }
  order_.resize(count);
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  std::ranges::stable_partition(order_, [&](std::size_t i) { return is_ignored_[i] == 0; });
  for (int t = 0; t < kT; ++t) {
    const auto bit = static_cast<std::uint16_t>(1U << t);
    is_taken_.assign(count, 0);
    for (std::size_t d = 0; d < judged.size(); ++d) {
      double best = std::min(kThresholdValues[static_cast<std::size_t>(t)], 1 - 1e-10);
      std::size_t found = count;
      for (const auto i : order_) {
        if (is_taken_[i] != 0 && !truths_[here_[i]].is_crowd) continue;
        if (found < count && is_ignored_[found] == 0 && is_ignored_[i] != 0) break;
        if (overlaps_[d * count + i] < best) continue;
        best = overlaps_[d * count + i];
        found = i;
      }
      const double own = area_of(ranked_[d]);
      if (found < count) {
        is_taken_[found] = 1;
        judged[d].matched[a] |= bit;
        if (is_ignored_[found] != 0) judged[d].ignored[a] |= bit;
      } else if (own < least || own > most) {
        judged[d].ignored[a] |= bit;
      }
    }
  }
}

void CategoryEvaluation::write(int category, CocoResult& result) {
  std::ranges::stable_sort(judged_,
                           [](const Judged& x, const Judged& y) { return x.score > y.score; });
  const auto k = static_cast<std::size_t>(category),
             categories = static_cast<std::size_t>(result.categories);
  for (std::size_t a = 0; a < kA; ++a) {
    if (counted_[a] == 0) continue;
    const auto counted = static_cast<double>(counted_[a]);
    for (std::size_t m = 0; m < kM; ++m) {
      for (std::size_t t = 0; t < kT; ++t) {
        const auto bit = static_cast<std::uint16_t>(1U << t);
        // Precision behind each true positive: in between it only falls, and recall stands.
        precisions_.clear();
        double right = 0, wrong = 0;
        for (const auto& one : judged_) {
          if (one.rank >= kMostDetections[m] || (one.ignored[a] & bit) != 0) continue;
          if ((one.matched[a] & bit) == 0) {
            ++wrong;
          } else {
            ++right;
            precisions_.push_back(right / (wrong + right + std::numeric_limits<double>::epsilon()));
          }
        }
        for (std::size_t i = precisions_.size(); i-- > 1;)
          precisions_[i - 1] = std::max(precisions_[i - 1], precisions_[i]);
        result.recall[((t * categories + k) * kA + a) * kM + m] = right / counted;
        std::size_t i = 0;
        for (std::size_t r = 0; r < kR; ++r) {
          while (i < precisions_.size() && static_cast<double>(i + 1) / counted < kRecallValues[r])
            ++i;
          result.precision[(((t * kR + r) * categories + k) * kA + a) * kM + m] =
              i < precisions_.size() ? precisions_[i] : 0;
        }
      }
    }
  }
}

double mean_of_known(double sum, std::size_t count) {
  return count == 0 ? -1 : sum / static_cast<double>(count);
}

}  // namespace

double box_iou(const BoxXywh& d, const BoxXywh& t, bool is_crowd) {
  const double width = std::min(d[2] + d[0], t[2] + t[0]) - std::max(d[0], t[0]);
  if (!(width > 0)) return 0;
  const double height = std::min(d[3] + d[1], t[3] + t[1]) - std::max(d[1], t[1]);
  if (!(height > 0)) return 0;
  const double both = width * height, own = d[2] * d[3];
  return both / (is_crowd ? own : own + t[2] * t[3] - both);
}

CocoResult evaluate_coco(std::span<const TruthBox> truths, std::span<const ScoredBox> detections,
                         const CocoOptions& options) {
  check_boxes(truths, detections, options.categories);
  CLEW_CHECK(options.detection_areas.empty() || options.detection_areas.size() == detections.size(),
             "areas must be as many as detections, ", detections.size(), ", got ",
             options.detection_areas.size());
  const auto categories = static_cast<std::size_t>(options.categories);
  CocoResult result{.categories = options.categories,
                    .precision = std::vector<double>(kT * kR * categories * kA * kM, -1),
                    .recall = std::vector<double>(kT * categories * kA * kM, -1)};
  const auto truth_order = by_cell(truths), detection_order = by_cell(detections);
  const auto truth_starts = category_starts(truths, truth_order, options.categories),
             detection_starts = category_starts(detections, detection_order, options.categories);
  std::atomic<int> next = 0;
  ThreadPool pool(std::clamp(options.threads, 1, options.categories));
  pool.run([&](int) {
    CategoryEvaluation evaluation(truths, detections, options);
    for (int category = next++; category < options.categories; category = next++) {
      const auto k = static_cast<std::size_t>(category);
      const auto of = [&](const std::vector<std::size_t>& order,
                          const std::vector<std::size_t>& starts) {
        return std::span(order).subspan(starts[k], starts[k + 1] - starts[k]);
      };
      auto own_truths = of(truth_order, truth_starts),
           own_detections = of(detection_order, detection_starts);
      if (own_truths.empty()) continue;
      evaluation.begin();
      while (!own_truths.empty() || !own_detections.empty()) {
        const auto image =
            std::min(own_truths.empty() ? std::numeric_limits<std::int64_t>::max()
                                        : truths[own_truths[0]].image,
                     own_detections.empty() ? std::numeric_limits<std::int64_t>::max()
                                            : detections[own_detections[0]].image);
        const auto take = [&](const auto& boxes, std::span<const std::size_t>& rest) {
          const auto end =
              std::ranges::find_if(rest, [&](std::size_t i) { return boxes[i].image != image; });
          const auto count = static_cast<std::size_t>(end - rest.begin());
          const auto part = rest.first(count);
          rest = rest.subspan(count);
          return part;
        };
        const auto picture_detections = take(detections, own_detections);
        evaluation.add_picture(picture_detections, take(truths, own_truths));
      }
      evaluation.write(category, result);
    }
  });
  return result;
}

double CocoResult::average_precision(int threshold, int area, int category) const {
  double sum = 0;
  std::size_t count = 0;
  const auto k = static_cast<std::size_t>(categories);
  for (std::size_t t = 0; t < kT; ++t) {
    if (threshold >= 0 && t != static_cast<std::size_t>(threshold)) continue;
    for (std::size_t r = 0; r < kR; ++r) {
      for (std::size_t c = 0; c < k; ++c) {
        if (category >= 0 && c != static_cast<std::size_t>(category)) continue;
        const double value =
            precision[(((t * kR + r) * k + c) * kA + static_cast<std::size_t>(area)) * kM + kM - 1];
        if (value > -1) sum += value, ++count;
      }
    }
  }
  return mean_of_known(sum, count);
}

double CocoResult::average_recall(int limit, int area) const {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < recall.size() / (kA * kM); ++i) {
    const double value =
        recall[(i * kA + static_cast<std::size_t>(area)) * kM + static_cast<std::size_t>(limit)];
    if (value > -1) sum += value, ++count;
  }
  return mean_of_known(sum, count);
}

std::array<double, 12> CocoResult::summary() const {
  return {average_precision(),      average_precision(0),     average_precision(5),
          average_precision(-1, 1), average_precision(-1, 2), average_precision(-1, 3),
          average_recall(0),        average_recall(1),        average_recall(2),
          average_recall(2, 1),     average_recall(2, 2),     average_recall(2, 3)};
}

std::vector<VocResult> evaluate_voc(std::span<const TruthBox> truths,
                                    std::span<const ScoredBox> detections,
                                    const VocOptions& options) {
  check_boxes(truths, detections, options.categories);
  const auto order = by_cell(truths);
  std::vector<std::size_t> ranked(detections.size());
  std::iota(ranked.begin(), ranked.end(), std::size_t{0});
  std::ranges::stable_sort(ranked, [&](std::size_t a, std::size_t b) {
    return detections[a].score > detections[b].score;
  });
  std::vector<VocResult> results(static_cast<std::size_t>(options.categories));
  std::vector<double> counted(results.size()), right(results.size()), wrong(results.size());
  for (const auto& truth : truths)
    counted[static_cast<std::size_t>(truth.category)] += truth.is_difficult ? 0 : 1;
  std::vector<std::uint8_t> is_taken(truths.size());
  for (const auto d : ranked) {
    const auto& detection = detections[d];
    const auto cell = std::ranges::equal_range(
        order, std::pair(detection.category, detection.image), {},
        [&](std::size_t i) { return std::pair(truths[i].category, truths[i].image); });
    double best = -1;
    std::size_t found = 0;
    for (const auto i : cell) {
      const double overlap = box_iou(detection.box, truths[i].box);
      if (overlap > best) best = overlap, found = i;
    }
    const bool is_match = best >= options.overlap;
    if (is_match && truths[found].is_difficult) continue;
    const auto k = static_cast<std::size_t>(detection.category);
    if (is_match && is_taken[found] == 0) {
      is_taken[found] = 1;
      ++right[k];
    } else {
      ++wrong[k];
    }
    results[k].recall.push_back(right[k] / counted[k]);
    results[k].precision.push_back(right[k] / (right[k] + wrong[k]));
  }
  for (std::size_t k = 0; k < results.size(); ++k) {
    auto& [average, recall, precision] = results[k];
    if (counted[k] == 0) {
      average = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    auto envelope = precision;
    for (std::size_t i = envelope.size(); i-- > 1;)
      envelope[i - 1] = std::max(envelope[i - 1], envelope[i]);
    if (options.rule == VocRule::kElevenPoints) {
      for (int point = 0; point <= 10; ++point) {
        const auto at = static_cast<std::size_t>(std::ranges::lower_bound(recall, 0.1 * point) -
                                                 recall.begin());
        average += (at < envelope.size() ? envelope[at] : 0) / 11;
      }
    } else {
      double before = 0;
      for (std::size_t i = 0; i < recall.size(); ++i) {
        average += (recall[i] - before) * envelope[i];
        before = recall[i];
      }
    }
  }
  return results;
}

}  // namespace clew::detect
