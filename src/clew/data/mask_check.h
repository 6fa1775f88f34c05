// SPDX-License-Identifier: Apache-2.0
// Validation of class masks of pictures (mask_pictures.h). check_data calls it.
#pragma once

#include <filesystem>
#include <string>

#include "clew/data/check.h"

namespace clew::data {

/// Reads all pictures and masks of a folder that has_masks knows. Kinds of findings:
///   unpaired     a picture without a mask, a mask without a picture, an ID without a file, a name twice in a folder
///   unreadable     pictures and masks, among them masks of colours
///   mask size     the mask's and its picture's differ
///   value     pixels that are neither classes nor 255
///   void     no pixel of a class
///   palette     another colour of a class than in the first mask that has it
///   duplicate     equal pictures in two splits
///   class     in one split alone, or never seen
/// Classes are options.classes, else those of labels.txt, else all numbers below 255 that occur, without gaps. `report.splits`
/// has pictures with masks. A folder without masks: clew::Error. Blocks.
[[nodiscard]] CheckReport check_masks(const std::filesystem::path& folder,
                                      const CheckOptions& options = {});

/// Remedy for findings of a kind, in one sentence; empty for an unknown kind.
[[nodiscard]] std::string mask_remedy_of(const std::string& kind);

}  // namespace clew::data
