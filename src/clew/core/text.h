// SPDX-License-Identifier: Apache-2.0
// UTF-8, text of strangers as a terminal may show it, and lists of words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clew {

[[nodiscard]] bool is_utf8(std::string_view text);

/// At most the first `count` characters; a byte that is no UTF-8 counts as one.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t count);

/// Control characters other than those of `kept`, and bytes that are no UTF-8, as "\x1b".
[[nodiscard]] std::string printable(std::string_view text, std::string_view kept = "");

/// Text of a file for a message: at most 80 characters, then "..."; printable.
[[nodiscard]] std::string excerpt(std::string_view text);
/// "[64,3,7,7]", at most 16 sides, then "...".
[[nodiscard]] std::string excerpt(std::span<const std::int64_t> shape);

/// The text behind a byte-order mark of UTF-8; all of it where there is none.
[[nodiscard]] std::string_view without_bom(std::string_view text);

/// `value` with so many decimals, without a sign before zero.
[[nodiscard]] std::string fixed(double value, int decimals);
/// Three digits that count: 0.12, 1.23, 12.3, 123, 1234; a dash where it is not finite.
[[nodiscard]] std::string figure(double value);
/// A share in 0..1 as "83 %", below a tenth as "8.3 %".
[[nodiscard]] std::string percent(double share);
/// Words with `between` between neighbours.
[[nodiscard]] std::string join(const std::vector<std::string>& words,
                               std::string_view between = ", ");

}  // namespace clew
