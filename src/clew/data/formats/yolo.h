// SPDX-License-Identifier: Apache-2.0
// Reader and writer of YOLO's text format (as of Ultralytics):
//   images/SPLIT/NAME.jpg    pictures; or SPLIT/images/NAME.jpg
//   labels/SPLIT/NAME.txt    one object a line; or SPLIT/labels/NAME.txt
//   data.yaml                class names; or classes.txt, one a line
// Lines: "class cx cy w h", relative to the picture; polygons: "class x y x y x y ..."; detections:
// "class cx cy w h score". Without LibTorch, so that the reader can be fuzzed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clew::data {

/// Coordinates relative to the picture: 0 at the left and top edge, 1 at the right and bottom.
struct YoloObject {
  std::int64_t label = 0;
  std::array<double, 4> box_xyxy = {};
  double score = 1;                  // of a detection
  std::vector<double> polygon = {};  // x, y, x, y, ...; empty: a box
};

enum class YoloLines : std::uint8_t { kObjects, kDetections };

/// Parses a file of labels or of detections. Another number of values, a label that is not in
/// 0..99999, values that are not numbers, below -1 or above 2, as of pixels, a score that is not in
/// [0,1]: clew::Error with name and line. Infinite values and NaN are read, boxes are not clipped.
[[nodiscard]] std::vector<YoloObject> parse_yolo(std::string_view text, const std::string& name,
                                                 YoloLines lines = YoloLines::kObjects);
/// Polygons are written as such.
[[nodiscard]] std::string format_yolo(const std::vector<YoloObject>& objects,
                                      YoloLines lines = YoloLines::kObjects);

/// A class of a data.yaml or classes.txt.
struct YoloClass {
  std::int64_t id = 0;
  std::string name;
};
/// `names` of a data.yaml, a list or a map from numbers, by number. Other YAML, no or empty names,
/// a number or name twice, another `nc`: clew::Error with name and line.
[[nodiscard]] std::vector<YoloClass> parse_yolo_yaml(const std::string& yaml,
                                                     const std::string& name);
/// Lines of a classes.txt. An empty line between others, a name twice, none: clew::Error.
[[nodiscard]] std::vector<YoloClass> parse_yolo_classes(std::string_view text,
                                                        const std::string& name);
/// data.yaml with the folders images/SPLIT of `splits`.
[[nodiscard]] std::string format_yolo_yaml(const std::vector<std::string>& classes,
                                           const std::vector<std::string>& splits);

}  // namespace clew::data
