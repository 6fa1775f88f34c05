// SPDX-License-Identifier: Apache-2.0
// COCO's form of a detection and segmentation set (T.-Y. Lin et al. 2014), written and read:
//   SPLIT/NAME.jpg                     pictures; SPLIT is train, val or test
//   annotations/instances_SPLIT.json   their objects: boxes, classes, masks as polygons or run lengths
// Without LibTorch, so that the reader can be fuzzed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clew::data {

/// Run lengths of a mask, column by column, of zeros and ones in turn; their sum is width * height.
struct CocoRuns {
  int width = 0, height = 0;
  std::vector<std::uint32_t> counts;
};

struct CocoImage {
  std::int64_t id = 0;
  std::string file;
  int width = 0, height = 0;
};

struct CocoCategory {
  std::int64_t id = 0;
  std::string name;
  std::string group;  // "supercategory"; may be empty
};

struct CocoAnnotation {
  std::int64_t id = 0, image = 0, category = 0;
  std::array<double, 4> box_xyxy_px = {};  // edges; the file has x, y, width and height
  double area_px = 0;                      // of the mask, or of the box where there is none
  bool is_crowd = false;
  // The mask: polygons (x, y, x, y, ...), or runs; neither where there is none.
  std::vector<std::vector<double>> polygons = {};
  CocoRuns runs = {};
};

struct CocoSet {
  std::vector<CocoImage> images;
  std::vector<CocoCategory> categories;
  std::vector<CocoAnnotation> annotations;
};

[[nodiscard]] std::string format_coco(const CocoSet& set);
/// The text of a JSON file; all of it is in memory as a tree, about ten times as large. Other JSON,
/// identifiers that are there twice or name nothing, sides, boxes or masks that are not as above:
/// clew::Error with name and place. Without "annotations", as of a test set, there are none. Runs may
/// be a compressed text too; fields that are not named here are passed over.
[[nodiscard]] CocoSet parse_coco(std::string_view json, const std::string& name);
[[nodiscard]] CocoSet read_coco(const std::filesystem::path& path);

/// mask [height,width], row by row, 0 or not.
[[nodiscard]] CocoRuns runs_of(std::span<const std::uint8_t> mask, int width, int height);
/// -> [height,width] u8, 0 or 1. Counts of another sum: clew::Error.
[[nodiscard]] std::vector<std::uint8_t> mask_of(const CocoRuns& runs);
/// The mask of an object in a picture of width x height -> [height,width] u8, 0 or 1; empty where it has
/// none. Polygons are filled as COCO's own programs do, to the pixel.
[[nodiscard]] std::vector<std::uint8_t> mask_of(const CocoAnnotation& annotation, int width,
                                                int height);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path coco_annotations(const std::string& split);

}  // namespace clew::data
