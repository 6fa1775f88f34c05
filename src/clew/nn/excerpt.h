// SPDX-License-Identifier: Apache-2.0
// What a file says, as it may stand in a message: on one line, without control characters, not
// endless.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "clew/core/text.h"

namespace clew::nn {

/// At most 80 characters, then "..."; control characters and bytes that are no UTF-8 as "\x1b".
std::string excerpt(std::string_view text);
/// "[64,3,7,7]", at most 16 sides, then "...".
std::string excerpt(std::span<const std::int64_t> shape);

}  // namespace clew::nn
