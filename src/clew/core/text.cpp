// SPDX-License-Identifier: Apache-2.0
#include "clew/core/text.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace clew {
namespace {

std::uint32_t byte_of(char c) { return static_cast<unsigned char>(c); }

struct Character {
  std::size_t size = 0;  // in bytes; 0: invalid UTF-8
  std::uint32_t code = 0;
};

Character first_of(std::string_view text) {
  const std::uint32_t lead = byte_of(text[0]);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  std::uint32_t code = lead & (0x7fU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const std::uint32_t next = byte_of(text[i]);
    if ((next & 0xc0) != 0x80) return {};
    code = code << 6 | (next & 0x3f);
  }
  // Overlong, a surrogate, or beyond the last code point.
  constexpr std::uint32_t kFirst[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kFirst[size] || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return {};
  return {size, code};
}

bool is_control(std::uint32_t code) { return code < 0x20 || (code >= 0x7f && code < 0xa0); }

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = first_of(text).size;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  for (; count > 0 && end < text.size(); --count)
    end += std::max<std::size_t>(first_of(text.substr(end)).size, 1);
  return text.substr(0, end);
}

std::string printable(std::string_view text, std::string_view kept) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result;
  while (!text.empty()) {
    const auto [size, code] = first_of(text);
    const auto character = text.substr(0, std::max<std::size_t>(size, 1));
    if (size > 0 && (!is_control(code) || kept.find(character) != std::string_view::npos)) {
      result += character;
    } else {
      for (const char c : character) {
        result += "\\x";
        result += kDigits[byte_of(c) >> 4];
        result += kDigits[byte_of(c) & 15];
      }
    }
    text.remove_prefix(character.size());
  }
  return result;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kMaxCharacters = 80;
  const auto head = first_characters(text, kMaxCharacters);
  return printable(head) + (head.size() < text.size() ? "..." : "");
}

std::string excerpt(std::span<const std::int64_t> shape) {
  constexpr std::size_t kMaxShownSides = 16;
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), kMaxShownSides); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() > kMaxShownSides ? ",...]" : "]");
}

std::string_view without_bom(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

std::string fixed(double value, int decimals) {
  char digits[64];
  std::snprintf(digits, sizeof digits, "%.*f", decimals, value);
  // No "-0.0".
  const std::string text = digits;
  return text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos ? text.substr(1)
                                                                              : text;
}

std::string figure(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::fabs(value);
  if (size >= 1e7) return fixed(value / 1e6, 0) + "M";
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

std::string percent(double share) {
  return fixed(share * 100, share < 0.0995 && share > 0 ? 1 : 0) + " %";
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const auto& word : words) {
    if (&word != words.data()) out += between;
    out += word;
  }
  return out;
}

}  // namespace clew
