// SPDX-License-Identifier: Apache-2.0
// Reader and writer of COCO's detection and segmentation format (T.-Y. Lin et al. 2014):
//   SPLIT/NAME.jpg                     pictures; SPLIT is train, val or test
//   annotations/instances_SPLIT.json   objects: boxes, classes, masks as polygons or RLE
//   annotations/panoptic_SPLIT.json    of panoptic masks: classes of their segments
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

/// Run-length encoding of a mask: column-major, zeros and ones alternating; the sum is width *
/// height.
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
  std::array<double, 4> box_xyxy_px = {};  // the file has x, y, width and height
  double area_px = 0;                      // of the mask, or of the box without one
  bool is_crowd = false;
  // Mask: polygons (x, y, x, y, ...) or runs; neither: no mask.
  std::vector<std::vector<double>> polygons = {};
  CocoRuns runs = {};
};

/// Annotation of a panoptic file: a PNG whose colours are numbers of segments.
struct CocoSegment {
  std::uint32_t number = 0;  // from 1
  std::int64_t category = 0;
};
struct CocoPanoptic {
  std::int64_t image = 0;
  std::string file;
  std::vector<CocoSegment> segments;
};

struct CocoSet {
  std::vector<CocoImage> images;
  std::vector<CocoCategory> categories;
  std::vector<CocoAnnotation> annotations;
  std::vector<CocoPanoptic> panoptic{};  // with CocoParts::kPanoptic, instead of annotations
};

[[nodiscard]] std::string format_coco(const CocoSet& set);
/// Parts of a file, and what its annotations are.
enum class CocoParts : std::uint8_t { kAll, kWithoutAnnotations, kPanoptic };
/// Parses a JSON file. Other JSON, also with NaN, values nested more than 64 deep, duplicate or
/// dangling identifiers, invalid sizes, boxes or masks: clew::Error with name and JSON path.
/// "annotations" may be missing, as in a test set. Runs may be compressed RLE; unknown fields are
/// ignored.
[[nodiscard]] CocoSet parse_coco(std::string_view json, const std::string& name,
                                 CocoParts parts = CocoParts::kAll);
/// The same of a file, read as a stream: needs little memory beside the result.
[[nodiscard]] CocoSet read_coco(const std::filesystem::path& path,
                                CocoParts parts = CocoParts::kAll);

/// mask [height,width], row-major, 0 or not -> RLE.
[[nodiscard]] CocoRuns runs_of(std::span<const std::uint8_t> mask, int width, int height);
/// RLE -> [height,width] u8, 0 or 1. Counts of another sum: clew::Error.
[[nodiscard]] std::vector<std::uint8_t> mask_of(const CocoRuns& runs);
/// COCO's compressed form of run lengths: text of six bits a character.
[[nodiscard]] std::string compressed(const CocoRuns& runs);
/// The inverse; `where` names the value in messages. Other text, or counts of another sum: clew::Error.
[[nodiscard]] CocoRuns decompressed(std::string_view counts, int width, int height,
                                    const std::string& where);
/// Pixels of a mask, and pixels of two masks of one size that are in both.
[[nodiscard]] std::uint64_t area_of(const CocoRuns& runs);
[[nodiscard]] std::uint64_t intersection_of(const CocoRuns& a, const CocoRuns& b);
/// Mask of an object -> [height,width] u8, 0 or 1; empty without one. Polygons are filled exactly
/// as by COCO's API.
[[nodiscard]] std::vector<std::uint8_t> mask_of(const CocoAnnotation& annotation, int width,
                                                int height);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path coco_annotations(const std::string& split);

}  // namespace clew::data
