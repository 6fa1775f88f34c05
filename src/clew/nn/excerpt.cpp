// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/excerpt.h"

#include <algorithm>
#include <cstddef>

namespace clew::nn {
namespace {

constexpr std::size_t kMaxCharacters = 80, kMaxShownSides = 16;

}  // namespace

std::string excerpt(std::string_view text) {
  const auto head = first_characters(text, kMaxCharacters);
  return clew::printable(head) + (head.size() < text.size() ? "..." : "");
}

std::string excerpt(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(shape.size(), kMaxShownSides); ++i) {
    if (i > 0) text += ',';
    text += std::to_string(shape[i]);
  }
  return text + (shape.size() > kMaxShownSides ? ",...]" : "]");
}

}  // namespace clew::nn
