// SPDX-License-Identifier: Apache-2.0
// Data sets by name: list, open, and write digit sets as files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/files.h"

namespace clew::data {

struct SetInfo {
  std::string name;
  std::string size;     // as text: bytes to download, or examples
  std::string what;     // one-line description
  std::string licence;  // terms
  std::string origin;   // page or paper
  std::string get;      // how to get it
};

/// All sets of open_set.
[[nodiscard]] const std::vector<SetInfo>& known_sets();

struct OpenOptions {
  std::filesystem::path mnist;  // folder of MNIST; empty: drawn digits
  Split split = Split::kTrain;
  Key key = {};                                             // of all randomness
  int digit = 3;                                            // class of t84 and tc84
  image::Background background = image::Background::kAuto;  // of transparent pictures
  // Class folders of these splits of a picture folder; empty: as FolderOptions.
  std::filesystem::path validation = {}, test = {};
};

/// Set by name, or a folder of digits, pictures by class or pictures with boxes. Neither: UsageError naming the nearest. Missing
/// files: clew::Error.
[[nodiscard]] std::unique_ptr<Dataset> open_set(const std::string& name_or_folder,
                                                const OpenOptions& options = {});

/// Names for make_files.
[[nodiscard]] std::vector<std::string> made_sets();

struct MakeOptions {
  std::int64_t train = 60'000, test = 10'000;  // examples; at most MNIST's own number
  Key key = {};
  bool is_gzip = false;
  std::filesystem::path mnist;  // folder of MNIST; empty: drawn digits
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // examples of both splits
  std::function<bool()> should_stop;  // after every example; true: clew::Error
};

/// Writes digits, or a distorted set of them, as four files in MNIST's format, all or none; staged
/// in FOLDER/.making. Existing files of those names, too much for a file, a missing MNIST:
/// clew::Error; an unknown set: UsageError.
void make_files(const std::string& name, const std::filesystem::path& folder,
                const MakeOptions& options = {});

}  // namespace clew::data
