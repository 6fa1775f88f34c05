// SPDX-License-Identifier: Apache-2.0
// Validation of a data folder: unreadable files, differing shapes, missing labels, duplicates
// across splits.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clew/image/files.h"

namespace clew::data {

/// One problem. Kinds: "unreadable", "shape", "label", "gap" (a class without examples),
/// "duplicate"; of boxes: box_check.h; of masks: mask_check.h.
struct Finding {
  std::string kind;
  std::string where;  // relative file path, or example: "train 17"
  std::string text;
};

struct SplitCount {
  std::string name;  // "train", "test", "val"; "all" without splits
  std::int64_t examples = 0;
};

struct CheckReport {
  std::string format;  // "idx", "images", "masks", or a BoxFormat's name
  std::vector<SplitCount> splits;
  std::int64_t classes = 0;
  std::vector<Finding> findings;
  // Picture folders: ignored files by extension (".txt", ""), and ignored folders ("more/").
  std::map<std::string, std::int64_t> ignored = {};
  std::map<std::pair<int, int>, std::int64_t> sizes = {};  // pictures by (width, height)
};

/// Items done and in total.
using CheckProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct CheckOptions {
  int threads = 1;  // does not affect the report
  CheckProgress progress = {};
  image::Background background = image::Background::kAuto;  // for comparing transparent pictures
  // Class folders of these splits of a picture folder (FolderOptions); empty: none.
  std::filesystem::path validation = {}, test = {};
  std::vector<std::string> classes = {};  // of masks, by number; empty: those of labels.txt
};

/// Reads everything in `folder`: MNIST's files where it has any, else pictures with boxes
/// (box_check.h), with masks (mask_check.h), or in class folders, below train, val and test where these exist. None of these:
/// clew::Error. Blocks.
[[nodiscard]] CheckReport check_data(const std::filesystem::path& folder,
                                     const CheckOptions& options = {});

}  // namespace clew::data
