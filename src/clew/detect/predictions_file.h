// SPDX-License-Identifier: Apache-2.0
// Files of detections, of other programs and of `clew predict --json`, against files of ground truth. Without LibTorch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/detect/box_metrics.h"

namespace clew::detect {

/// Ground truth and detections of the same pictures.
struct JudgedBoxes {
  std::vector<std::string> classes;  // by category
  std::int64_t pictures = 0;
  std::vector<TruthBox> truths;
  std::vector<ScoredBox> detections;
};

/// `predictions`: a JSON list, read as a stream, of COCO's results {"image_id", "category_id", "bbox": [x, y, width,
/// height], "score"}, or of `clew predict --json`, {"image": path, "objects": [{"class", "score", "box": [left, top, right,
/// bottom]}]}, one for each picture. `truth`: COCO's annotations (.json), or for the second form also a folder
/// (data/box_set.h), whose test set it is. Malformed, unknown pictures or classes, for the second form pictures that are
/// missing or there twice: clew::Error naming file and element.
JudgedBoxes read_judged_boxes(const std::filesystem::path& predictions,
                              const std::filesystem::path& truth);

}  // namespace clew::detect
