// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/shown.h"

#include <algorithm>
#include <cstddef>

namespace clew::nn {
namespace {

constexpr std::size_t kMaxCharacters = 80, kMaxShownSides = 16;

}  // namespace

std::string shown(std::string_view text) {
  const auto head = first_characters(text, kMaxCharacters);
  return printable(head) + (head.size() < text.size() ? "..." : "");
}

std::string shown(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), kMaxShownSides); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() > kMaxShownSides ? ",...]" : "]");
}

}  // namespace clew::nn
