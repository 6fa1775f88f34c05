// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/masks.h"

#include <algorithm>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"

namespace clew::data {

std::array<image::Colour, 256> voc_palette() {
  std::array<image::Colour, 256> palette;
  for (unsigned i = 0; i < palette.size(); ++i) {
    unsigned rgb[3] = {};
    for (unsigned bits = i, to = 8; to > 0; bits >>= 3) {
      --to;
      for (unsigned c = 0; c < 3; ++c) rgb[c] |= (bits >> c & 1U) << to;
    }
    palette[i] = {static_cast<std::uint8_t>(rgb[0]), static_cast<std::uint8_t>(rgb[1]),
                  static_cast<std::uint8_t>(rgb[2])};
  }
  return palette;
}

image::Values read_class_mask(const std::filesystem::path& path, std::int64_t classes) {
  auto mask = image::read_values(path);
  const auto wrong = std::ranges::find_if(
      mask.values, [&](std::uint16_t value) { return value >= classes && value != 255; });
  const auto at = wrong - mask.values.begin();
  CLEW_CHECK(wrong == mask.values.end(), path.string(), ": a class must be in 0..", classes - 1,
             " or 255, got ", *wrong, " at pixel (", at % mask.width, ", ", at / mask.width, ")");
  return mask;
}

std::vector<std::string> parse_labels(std::string_view text, const std::string& name) {
  std::vector<std::string> labels;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto number = labels.size() + 1;
    CLEW_CHECK(!line.empty() && is_utf8(line), name, ":", number,
               ": a line must be the name of a class");
    CLEW_CHECK(std::ranges::count(labels, line) == 0, name, ":", number,
               ": a class must be there once, got '", excerpt(line), "' again");
    CLEW_CHECK(number <= 255, name, ": a mask has at most 255 classes");
    labels.emplace_back(line);
  }
  CLEW_CHECK(!labels.empty(), name, ": must hold the name of a class in each line, got none");
  return labels;
}

std::vector<std::string> read_labels(const std::filesystem::path& path) {
  return parse_labels(read_text(path, 1 << 20), path.string());
}

std::filesystem::path class_mask(const std::string& id) {
  return std::filesystem::path("SegmentationClass") / (id + ".png");
}
std::filesystem::path object_mask(const std::string& id) {
  return std::filesystem::path("SegmentationObject") / (id + ".png");
}
std::filesystem::path mask_split(const std::string& split) {
  return std::filesystem::path("ImageSets") / "Segmentation" / (split + ".txt");
}

}  // namespace clew::data
