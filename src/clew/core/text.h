// SPDX-License-Identifier: Apache-2.0
// UTF-8, untrusted text for terminals, number formatting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clew {

[[nodiscard]] bool is_utf8(std::string_view text);

/// First `count` characters; an invalid byte counts as one.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t count);

/// Escapes control characters, except those of `kept`, and invalid UTF-8 as "\x1b".
[[nodiscard]] std::string printable(std::string_view text, std::string_view kept = "");

/// Text of a file for a message: printable, at most 80 characters, then "...".
[[nodiscard]] std::string excerpt(std::string_view text);
/// "[64,3,7,7]", at most 16 dimensions, then "...".
[[nodiscard]] std::string excerpt(std::span<const std::int64_t> shape);

/// Text without a leading UTF-8 byte-order mark.
[[nodiscard]] std::string_view without_bom(std::string_view text);

/// `value` with `decimals` decimals; never "-0".
[[nodiscard]] std::string fixed(double value, int decimals);
/// Three significant digits: 0.12, 1.23, 12.3, 123, 1234; a dash if not finite.
[[nodiscard]] std::string figure(double value);
/// A share in 0..1 as "83 %", below a tenth as "8.3 %".
[[nodiscard]] std::string percent(double share);
/// Words joined by `between`.
[[nodiscard]] std::string join(const std::vector<std::string>& words,
                               std::string_view between = ", ");

}  // namespace clew
