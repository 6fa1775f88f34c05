// SPDX-License-Identifier: Apache-2.0
// Validation of boxes of pictures (box_set.h), and mended copies. check_data calls it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "clew/data/check.h"

namespace clew::data {

/// True if box_set.h's formats find their files in `folder`.
[[nodiscard]] bool has_boxes(const std::filesystem::path& folder);

/// Reads all annotations and pictures. Kinds of findings:
///   missing, unreadable     pictures; unreadable also annotations
///   size     the picture's and its annotation's differ
///   no area, outside, cut     boxes; cut: more than a pixel beyond the picture
///   twice     equal boxes of one class in one picture
///   duplicate     equal pictures in two splits
///   class     in one split alone, or without any box
///   gap     numbers of classes in the file
/// `report.splits` has pictures. Not a folder of box_set.h: clew::Error. Blocks.
[[nodiscard]] CheckReport check_boxes(const std::filesystem::path& folder,
                                      const CheckOptions& options = {});

/// Remedy for findings of a kind, in one sentence; empty for an unknown kind.
[[nodiscard]] std::string remedy_of(const std::string& kind);

struct FixOptions {
  CheckOptions check = {};
  CheckProgress progress = {};             // of written pictures
  std::function<bool()> should_stop = {};  // true: clew::Error
};
/// Writes a mended copy into `out`, in the same format, all or none: without missing, unreadable
/// and duplicate pictures (kept in test before val before train), empty and equal boxes; boxes cut
/// at the picture, and scaled to it where the annotation's size has its aspect ratio, else without
/// the picture; classes numbered without gaps. Findings of the kind "class" remain. Returns the
/// report of `folder`.
CheckReport fix_boxes(const std::filesystem::path& folder, const std::filesystem::path& out,
                      const FixOptions& options = {});

}  // namespace clew::data
