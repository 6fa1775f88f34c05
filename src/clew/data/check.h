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

/// Reads everything in `folder`: the files of MNIST's form where it has any, else pictures by
/// class, in train, val and test where they are folders. Pictures are the same where they are on
/// `background`. The same report for any number of threads. A folder that is neither: clew::Error.
/// Blocks.
[[nodiscard]] CheckReport check_data(const std::filesystem::path& folder, int threads = 1,
                                     const CheckProgress& progress = {},
                                     image::Background background = image::Background::kAuto);

}  // namespace clew::data
