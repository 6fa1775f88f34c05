// SPDX-License-Identifier: Apache-2.0
#include "clew/data/splits.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "clew/core/error.h"

namespace clew::data {

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
