// SPDX-License-Identifier: Apache-2.0
// Pascal VOC's form of a detection set (M. Everingham et al. 2010), written and read:
//   JPEGImages/ID.jpg          pictures
//   Annotations/ID.xml         objects of a picture
//   ImageSets/Main/SPLIT.txt   an ID a line; SPLIT is train, val or test
// Its masks are in masks.h. Without LibTorch, so that the reader can be fuzzed.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace clew::data {

/// Edges are pixels from 0 at the picture's left and top edge. The files count pixels from 1 and
/// include the last: xmin - 1, ymin - 1, xmax, ymax.
struct VocObject {
  std::string name;  // class
  std::array<double, 4> box_xyxy_px = {};
  std::string pose = "Unspecified";
  bool is_truncated = false;  // the box is not around all of the object
  bool is_occluded = false;
  bool is_difficult = false;  // not counted by an evaluation
};

struct VocAnnotation {
  std::string file;           // name of the picture in JPEGImages
  int width = 0, height = 0;  // pixels; 0: not said
  int channels = 3;
  bool has_masks = false;  // in SegmentationClass and SegmentationObject
  std::vector<VocObject> objects;
};

[[nodiscard]] std::string format_voc(const VocAnnotation& annotation);
/// The text of an XML file. Other XML, no name of a picture or class, boxes that are no numbers, are
/// empty or lie outside the picture by more than a pixel: clew::Error with name and line. Boxes are
/// cut at the picture's edges; parts of persons and unknown elements are passed over.
[[nodiscard]] VocAnnotation parse_voc(std::string_view xml, const std::string& name);
[[nodiscard]] VocAnnotation read_voc(const std::filesystem::path& path);

/// The IDs of a split's file: the first word of each line, since files of a class have 1, 0 or -1
/// behind it. No ID: clew::Error.
[[nodiscard]] std::vector<std::string> parse_voc_ids(std::string_view text,
                                                     const std::string& name);
[[nodiscard]] std::vector<std::string> read_voc_ids(const std::filesystem::path& path);

/// Paths below the folder of a set.
[[nodiscard]] std::filesystem::path voc_picture(const std::string& id);
[[nodiscard]] std::filesystem::path voc_annotation(const std::string& id);
[[nodiscard]] std::filesystem::path voc_split(const std::string& split);

}  // namespace clew::data
