// SPDX-License-Identifier: Apache-2.0
// Looks through a data set's folder for what would spoil a training: files that cannot be read,
// other shapes, missing labels, examples that are in more than one split.
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

/// One thing that is wrong. kinds: "unreadable", "shape", "label", "gap" (a class without
/// examples), "duplicate".
struct Finding {
  std::string kind;
  std::string where;  // a file below the folder, or an example: "train 17"
  std::string text;
};

struct SplitCount {
  std::string name;  // "train", "test", "val"; "all" where there is one
  std::int64_t examples = 0;
};

struct CheckReport {
  std::string format;  // "idx" or "images"
  std::vector<SplitCount> splits;
  std::int64_t classes = 0;
  std::vector<Finding> findings;
  // Of pictures: files that are none, by their ending (".txt", ""); folders ("more/").
  std::map<std::string, std::int64_t> passed_over = {};
  std::map<std::pair<int, int>, std::int64_t> sizes = {};  // of pictures: how many of width, height
};

/// How much is done, of how much.
using CheckProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct CheckOptions {
  int threads = 1;  // of no influence on the report
  CheckProgress progress = {};
  image::Background background = image::Background::kAuto;  // on which pictures are the same
  // Folders by class of these splits of a folder of pictures (FolderOptions); empty: none.
  std::filesystem::path validation = {}, test = {};
};

/// Reads everything in `folder`: the files of MNIST's form where it has any, else pictures by
/// class, in train, val and test where they are folders. A folder that is neither: clew::Error.
/// Blocks.
[[nodiscard]] CheckReport check_data(const std::filesystem::path& folder,
                                     const CheckOptions& options = {});

}  // namespace clew::data
