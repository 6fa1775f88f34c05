// SPDX-License-Identifier: Apache-2.0
#include "clew/data/splits.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {

std::optional<Split> split_of_name(const std::string& name) {
  constexpr std::array<std::pair<std::string_view, Split>, 7> kNames = {
      {{"train", Split::kTrain},
       {"training", Split::kTrain},
       {"val", Split::kValidation},
       {"valid", Split::kValidation},
       {"validation", Split::kValidation},
       {"test", Split::kTest},
       {"testing", Split::kTest}}};
  std::string text = name;
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const auto& [known, split] : kNames)
    if (text == known) return split;
  return std::nullopt;
}

SplitFolder SplitPaths::folder(Split split, const SplitShares& shares) const {
  if (split == Split::kValidation && !validation.empty()) return {.path = validation};
  if (split == Split::kTest && !test.empty()) return {.path = test};
  return {.path = train,
          .is_shared = validation.empty() || test.empty(),
          .test_share = test.empty() ? shares.test : 0,
          .validation_share = validation.empty() ? shares.validation : 0};
}

double share_of_path(const std::string& file) {
  return static_cast<double>(hash_text(file) >> 11) * 0x1p-53;
}

Split split_of_path(const std::string& file, const SplitFolder& where) {
  const double share = share_of_path(file);
  return share < where.test_share                            ? Split::kTest
         : share < where.test_share + where.validation_share ? Split::kValidation
                                                             : Split::kTrain;
}

HeldOut hold_out(std::int64_t size, double share, const Key& key) {
  CLEW_CHECK(share >= 0 && share < 1, "the share that is held out must be in [0,1), got ", share);
  HeldOut parts;
  if (share == 0) {
    parts.train.resize(static_cast<std::size_t>(size));
    std::iota(parts.train.begin(), parts.train.end(), 0);
    return parts;
  }
  CLEW_CHECK(size >= 2, "at least two examples are needed to hold one out for validation, got ",
             size);
  const auto count =
      std::clamp<std::int64_t>(std::llround(share * static_cast<double>(size)), 1, size - 1);
  // Examples with the smallest draws; ties are broken by index.
  std::vector<std::pair<std::uint64_t, std::int64_t>> draws;
  for (std::int64_t i = 0; i < size; ++i)
    draws.emplace_back(fold_in(key, static_cast<std::uint64_t>(i)).value, i);
  std::nth_element(draws.begin(), draws.begin() + count, draws.end());
  for (std::int64_t i = 0; i < size; ++i)
    (i < count ? parts.validation : parts.train)
        .push_back(draws[static_cast<std::size_t>(i)].second);
  std::ranges::sort(parts.validation);
  std::ranges::sort(parts.train);
  return parts;
}

}  // namespace clew::data
