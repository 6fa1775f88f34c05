// SPDX-License-Identifier: Apache-2.0
// Pascal VOC's form of a segmentation set, written and read:
//   JPEGImages/ID.jpg                  pictures (voc_picture)
//   SegmentationClass/ID.png           the class of each pixel: 0 background, 255 pixels that do not count
//   SegmentationObject/ID.png          the number of the object at each pixel, from 1
//   ImageSets/Segmentation/SPLIT.txt   an ID a line; SPLIT is train, val or test
//   labels.txt                         the name of each class, a line, background first; not of VOC itself
// Both are PNG files with a palette, of which only the indices count.
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

/// The colours of VOC's masks: the bits of an index, three at a time, from the highest bit of red, green
/// and blue down. 0 is black, 1 dark red, 255 nearly white.
[[nodiscard]] std::array<image::Colour, 256> voc_palette();

/// A mask of classes, each below `classes` or 255: else clew::Error with the pixel.
[[nodiscard]] image::Values read_class_mask(const std::filesystem::path& path,
                                            std::int64_t classes);

/// The lines of labels.txt. An empty one, a name twice, more than 255, none: clew::Error.
[[nodiscard]] std::vector<std::string> parse_labels(std::string_view text, const std::string& name);
[[nodiscard]] std::vector<std::string> read_labels(const std::filesystem::path& path);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path class_mask(const std::string& id);
[[nodiscard]] std::filesystem::path object_mask(const std::string& id);
[[nodiscard]] std::filesystem::path mask_split(const std::string& split);
inline constexpr const char* kLabelsFile = "labels.txt";

}  // namespace clew::data
