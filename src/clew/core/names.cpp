// SPDX-License-Identifier: Apache-2.0
#include "clew/core/names.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "clew/core/text.h"

namespace clew {
namespace {

/// Optimal string alignment distance, case-insensitive.
int edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const std::size_t width = b.size() + 1;
  std::vector<int> before(width), row(width), next(width);
  for (std::size_t j = 0; j < width; ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < width; ++j) {
      const bool is_equal = lower(a[i - 1]) == lower(b[j - 1]);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (is_equal ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

}  // namespace

void fail_name(std::string_view what, std::string_view name,
               const std::vector<std::string>& choices) {
  throw UsageError(concat(what, " must be one of ", join(choices), ", got '", name, "'",
                          did_you_mean(name, choices)));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > 200) return "";  // not a typing error
  std::string best;
  int best_distance = std::numeric_limits<int>::max();
  for (const auto& candidate : candidates) {
    int distance = edit_distance(word, candidate);
    int allowed = std::max(1, static_cast<int>(std::max(word.size(), candidate.size())) * 2 / 5);
    // Matches the last part, too: 'lr' for 'train.lr', 'tiny' for 'navigate/tiny'.
    if (const auto dot = candidate.find_last_of("./"); dot != std::string::npos) {
      const auto word_tail = word.substr(word.find_last_of("./") + 1);
      const int tail = edit_distance(word_tail, std::string_view(candidate).substr(dot + 1)) + 1;
      const int tail_allowed = std::max<int>(1, static_cast<int>(word_tail.size()) * 2 / 5 + 1);
      if (tail <= tail_allowed && tail < distance) {
        distance = tail;
        allowed = tail_allowed;
      }
    }
    if (word.size() >= 2 && candidate.starts_with(word)) distance = std::min(distance, 1);
    if (distance <= allowed && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string name = nearest(word, candidates);
  return name.empty() ? "" : "; did you mean '" + name + "'?";
}

}  // namespace clew
