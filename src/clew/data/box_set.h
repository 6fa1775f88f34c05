// SPDX-License-Identifier: Apache-2.0
// Boxes of pictures in memory, whatever the files: Pascal VOC (formats/voc.h), COCO
// (formats/coco.h) or YOLO (formats/yolo.h). Without LibTorch; as a data set: box_pictures.h.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/data/formats/coco.h"
#include "clew/data/splits.h"

namespace clew::data {

struct BoxObject {
  int label = 0;                           // index in BoxSet::classes
  std::array<double, 4> box_xyxy_px = {};  // as in the file: may be degenerate
  double area_px = 0;                      // of the mask, or of the box without one
  bool is_crowd = false, is_difficult = false;
  bool is_truncated = false, is_occluded = false;  // VOC's
  // Mask, as in CocoAnnotation; neither: no mask.
  std::vector<std::vector<double>> polygons = {};
  CocoRuns runs = {};
};

struct BoxPicture {
  std::filesystem::path file;
  std::int64_t id = 0;        // COCO's; else the place in its split, from 1
  int width = 0, height = 0;  // pixels of the picture that the boxes are of
  std::vector<BoxObject> objects = {};
};

struct BoxSet {
  std::vector<std::string> classes;  // by label
  std::vector<BoxPicture> pictures;
};

enum class BoxFormat : std::uint8_t { kVoc, kCoco, kYolo };
constexpr auto names(BoxFormat) {
  return std::to_array<Named<BoxFormat>>(
      {{BoxFormat::kVoc, "voc"}, {BoxFormat::kCoco, "coco"}, {BoxFormat::kYolo, "yolo"}});
}

struct BoxSetOptions {
  // Names by label. Empty: those of the training data, by name (VOC), or by their number in the
  // file (COCO, YOLO).
  std::vector<std::string> classes = {};
  SplitShares shares = {};
};

/// Format of a folder. None, or more than one: clew::Error.
[[nodiscard]] BoxFormat box_format(const std::filesystem::path& folder);

/// A split of a folder. As in folders.h: a val without a test set is the test set; validation
/// without a set of its own is a share of train, by a hash of the pictures' names; without any
/// splits, test is, too. Boxes of Pascal VOC of a single pixel have no area. A class that the
/// training data lacks, a missing picture, a picture in two splits, no picture: clew::Error.
[[nodiscard]] BoxSet read_box_set(const std::filesystem::path& folder, Split split,
                                  const BoxSetOptions& options = {});

/// True for a box without area, outside its picture, or not finite.
[[nodiscard]] bool is_degenerate(const BoxObject& object, const BoxPicture& picture);

/// Dropped boxes.
struct DegenerateBoxes {
  std::int64_t count = 0;
  std::string first;  // "a.jpg: box 3, dog (1, 2, 1, 9)"; empty: none
};
/// Drops degenerate boxes and clips the others to their pictures.
DegenerateBoxes drop_degenerate(BoxSet& set);

}  // namespace clew::data
