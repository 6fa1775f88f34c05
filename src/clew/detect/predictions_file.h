// SPDX-License-Identifier: Apache-2.0
// Files of detections, of other programs and of `clew predict --json`, against files of ground truth. Without LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/formats/coco.h"
#include "clew/detect/box_metrics.h"

namespace clew::detect {

/// Ground truth and detections of the same pictures.
struct JudgedBoxes {
  std::vector<std::string> classes;  // by category
  std::int64_t pictures = 0;
  std::vector<TruthBox> truths;
  std::vector<ScoredBox> detections;
  // By truth and by detection; both empty unless all of both have masks.
  std::vector<data::CocoRuns> truth_masks, detection_masks;
};

/// `predictions`: a JSON list, read as a stream, of COCO's results {"image_id", "category_id", "bbox": [x, y, width,
/// height], "score"} with "segmentation" (compressed RLE; polygons are not read) beside or instead of "bbox", or of `clew predict --json`, {"image": path, "objects": [{"class", "score", "box": [left, top, right,
/// bottom]}]}, with "mask" (RLE) where there is one, one for each picture. `truth`: COCO's annotations (.json), or for the second form also a folder
/// (data/box_set.h), whose test set it is. Malformed, unknown pictures or classes, for the second form pictures that are
/// missing or there twice: clew::Error naming file and element.
JudgedBoxes read_judged_boxes(const std::filesystem::path& predictions,
                              const std::filesystem::path& truth);

/// COCO's rules for the masks; the size of a detection is its mask's area.
CocoResult evaluate_masks(const JudgedBoxes& boxes, int threads = 1);

}  // namespace clew::detect
