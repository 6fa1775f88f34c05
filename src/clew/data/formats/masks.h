// SPDX-License-Identifier: Apache-2.0
// Reader and writer of Pascal VOC's segmentation format:
//   JPEGImages/ID.jpg                  pictures (voc_picture)
//   SegmentationClass/ID.png           semantic mask: 0 background, 255 ignored
//   SegmentationObject/ID.png          instance mask, from 1
//   ImageSets/Segmentation/SPLIT.txt   one ID a line; SPLIT is train, val or test
//   labels.txt                         one class name a line, background first; not part of VOC
// Masks are indexed PNG; only the indices matter.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "clew/image/files.h"
#include "clew/image/image.h"

namespace clew::data {

/// VOC's colour map: the bits of an index, three at a time, from the highest bits of red, green and
/// blue down. 0 is black, 1 dark red, 255 nearly white.
[[nodiscard]] std::array<image::Colour, 256> voc_palette();

/// Semantic mask, every pixel below `classes` or 255: else clew::Error with the pixel.
[[nodiscard]] image::Values read_class_mask(const std::filesystem::path& path,
                                            std::int64_t classes);

/// Class names of labels.txt. An empty line, a duplicate, more than 255, none: clew::Error.
[[nodiscard]] std::vector<std::string> parse_labels(std::string_view text, const std::string& name);
[[nodiscard]] std::vector<std::string> read_labels(const std::filesystem::path& path);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path class_mask(const std::string& id);
[[nodiscard]] std::filesystem::path object_mask(const std::string& id);
[[nodiscard]] std::filesystem::path mask_split(const std::string& split);
inline constexpr const char* kLabelsFile = "labels.txt";

}  // namespace clew::data
