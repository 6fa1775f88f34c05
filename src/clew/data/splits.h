// SPDX-License-Identifier: Apache-2.0
// Hold-out validation split.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/core/key.h"

namespace clew::data {

struct HeldOut {
  std::vector<std::int64_t> train, validation;  // example indices, ascending, disjoint
};

/// Random validation share in [0,1) of examples 0..size-1, rounded; at least one for a share above
/// 0, and at least one is left for training. A single example with a share above 0: clew::Error.
HeldOut hold_out(std::int64_t size, double share, const Key& key);

}  // namespace clew::data
