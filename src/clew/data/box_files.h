// SPDX-License-Identifier: Apache-2.0
// Writes boxes of pictures (box_set.h) in the formats that it reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/data/box_set.h"

namespace clew::data {

/// Pictures of a split to be written.
struct BoxSplit {
  std::string name;  // "train", "val" or "test"
  std::vector<BoxPicture> pictures;
  std::vector<std::string> names;  // paths of the written pictures below their folder
};

struct BoxFilesOptions {
  BoxFormat format = BoxFormat::kVoc;
  // Called from the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::function<bool()> should_stop = {};  // true: clew::Error
};

/// Writes annotations, and copies the pictures byte for byte, into `folder`, all or none. Boxes are
/// finite. Existing files of those names, a missing picture: clew::Error. Coordinates are written
/// with all digits: read again they differ by rounding alone, below 1e-9 pixels.
void write_box_files(const std::filesystem::path& folder, const std::vector<std::string>& classes,
                     const std::vector<BoxSplit>& splits, const BoxFilesOptions& options);

/// One sentence for each kind of what `format` cannot hold, with the number of objects.
[[nodiscard]] std::vector<std::string> lost_in(BoxFormat format,
                                               const std::vector<BoxSplit>& splits);

struct ConvertOptions {
  BoxFilesOptions files;
  SplitShares shares = {};       // where the folder has no splits
  bool drops_degenerate = true;  // false: clew::Error
};
struct Converted {
  std::int64_t pictures = 0, objects = 0;
  DegenerateBoxes dropped;
  std::vector<std::string> lost;  // lost_in
};
/// Writes the pictures of `from` into `to` in another format, with the splits that `from` has; one
/// without splits becomes train, val and test. Boxes are clipped to the pictures. Errors as of
/// read_box_set and write_box_files.
Converted convert_box_set(const std::filesystem::path& from, const std::filesystem::path& to,
                          const ConvertOptions& options);

}  // namespace clew::data
