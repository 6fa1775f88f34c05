// SPDX-License-Identifier: Apache-2.0
// Reader and writer of Pascal VOC's detection format (M. Everingham et al. 2010):
//   JPEGImages/ID.jpg          pictures
//   Annotations/ID.xml         objects of a picture
//   ImageSets/Main/SPLIT.txt   one ID a line; SPLIT is train, val or test
// Its masks are in masks.h. Without LibTorch, so that the reader can be fuzzed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clew::data {

/// Box edges in pixels, 0 at the picture's left and top edge. Files count pixels from 1, inclusive:
/// xmin - 1, ymin - 1, xmax, ymax.
struct VocObject {
  std::string name;  // class
  std::array<double, 4> box_xyxy_px = {};
  std::string pose = "Unspecified";
  bool is_truncated = false;  // the object extends beyond the box
  bool is_occluded = false;
  bool is_difficult = false;  // ignored by an evaluation
};

struct VocAnnotation {
  std::string file;           // name of the picture in JPEGImages
  int width = 0, height = 0;  // pixels; 0: not given
  int channels = 3;
  bool has_masks = false;  // in SegmentationClass and SegmentationObject
  std::vector<VocObject> objects;
};

[[nodiscard]] std::string format_voc(const VocAnnotation& annotation);
/// kChecked: an empty box, or one more than a pixel outside the picture, is a clew::Error, and boxes
/// are clipped to the picture. kRaw: any numbers, also infinite ones and NaN; sides of 0 are not
/// given.
enum class VocBoxes : std::uint8_t { kChecked, kRaw };
/// Parses an XML file. Malformed XML, no file or class name, boxes that are not numbers: clew::Error
/// with name and line. Parts of persons and unknown elements are ignored.
[[nodiscard]] VocAnnotation parse_voc(std::string_view xml, const std::string& name,
                                      VocBoxes boxes = VocBoxes::kChecked);
[[nodiscard]] VocAnnotation read_voc(const std::filesystem::path& path,
                                     VocBoxes boxes = VocBoxes::kChecked);

/// IDs of a split's file: the first word of each line (per-class files append 1, 0 or -1). No ID:
/// clew::Error.
[[nodiscard]] std::vector<std::string> parse_voc_ids(std::string_view text,
                                                     const std::string& name);
[[nodiscard]] std::vector<std::string> read_voc_ids(const std::filesystem::path& path);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path voc_picture(const std::string& id);
[[nodiscard]] std::filesystem::path voc_annotation(const std::string& id);
[[nodiscard]] std::filesystem::path voc_split(const std::string& split);

}  // namespace clew::data
