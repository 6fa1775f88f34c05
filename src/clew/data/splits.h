// SPDX-License-Identifier: Apache-2.0
// A part of the training examples held out for validation.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/core/key.h"

namespace clew::data {

struct HeldOut {
  std::vector<std::int64_t> train, validation;  // examples, ascending; each in one of them
};

/// Of examples 0..size-1 a share in [0,1) that `key` draws, rounded to whole examples; of a share
/// above 0 at least one. One is left to train on: a single example with a share above 0 is a
/// clew::Error.
HeldOut hold_out(std::int64_t size, double share, const Key& key);

}  // namespace clew::data
