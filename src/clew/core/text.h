// SPDX-License-Identifier: Apache-2.0
// UTF-8, and text of strangers as a terminal may show it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace clew {

[[nodiscard]] bool is_utf8(std::string_view text);

/// At most the first `count` characters; a byte that is no UTF-8 counts as one.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t count);

/// Control characters other than those of `kept`, and bytes that are no UTF-8, as "\x1b".
[[nodiscard]] std::string printable(std::string_view text, std::string_view kept = "");

/// The text behind a byte-order mark of UTF-8; all of it where there is none.
[[nodiscard]] std::string_view without_bom(std::string_view text);

}  // namespace clew
