// SPDX-License-Identifier: Apache-2.0
// What every refusal of a file must be, for the targets of readers of weights.
#pragma once

#include <cstdlib>
#include <string>

#include "clew/core/text.h"

inline void check(bool is_true) {
  if (!is_true) std::abort();
}

/// One short line for people, whatever the file says.
inline void check_message(const std::string& text) {
  check(text.size() < 2000 && clew::is_utf8(text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto code = static_cast<unsigned char>(text[i]);
    check(code >= 0x20 && code != 0x7f);
    check(code != 0xc2 || static_cast<unsigned char>(text.at(i + 1)) >= 0xa0);
  }
}
