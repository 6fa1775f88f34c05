// SPDX-License-Identifier: Apache-2.0
// Evaluation of masks of any program against ground truth.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clew/runs/evaluation.h"

namespace clew::segment {

/// Folders of index masks, paired by name.
struct MaskFiles {
  std::filesystem::path predictions;  // folder of masks
  std::filesystem::path
      truth;  // the same; or a data folder (data::list_masks), whose test set it is
  std::vector<std::string>
      classes;  // by number in the masks; empty: those of labels.txt in `truth`
  std::vector<std::string> ignored;  // whose pixels in `truth` are not counted, as those of 255
};

/// Measures, tables and the worst pictures (in `details`) of a PixelEvaluator. No names of classes, ignored ones that are
/// none: UsageError; names that do not pair, masks of colours or of another size, a number that is no class, a prediction
/// of 255 or an ignored class where pixels are counted: clew::Error naming the file.
runs::Evaluation judge_masks(const MaskFiles& files);

}  // namespace clew::segment
