// SPDX-License-Identifier: Apache-2.0
// The data sets by their names: what there is, one of them ready to use, and those of digits as files.
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
  std::string size;     // in words: bytes to download, or examples
  std::string what;     // one line
  std::string licence;  // its terms
  std::string origin;   // a page or a paper
  std::string get;      // how it comes to be here
};

/// Every set that open_set knows.
[[nodiscard]] const std::vector<SetInfo>& known_sets();

struct OpenOptions {
  std::filesystem::path mnist;  // folder of MNIST; empty: drawn digits
  Split split = Split::kTrain;
  Key key = {};                                             // of everything random in the set
  int digit = 3;                                            // the class that t84 and tc84 show
  image::Background background = image::Background::kAuto;  // of transparent pictures
  // Folders by class of these splits of a folder of pictures; empty: as it says itself.
  std::filesystem::path validation = {}, test = {};
};

/// A set by its name, or a folder of digits or pictures. Neither: UsageError naming the nearest. A
/// folder of pictures or MNIST that lacks files: clew::Error.
[[nodiscard]] std::unique_ptr<Dataset> open_set(const std::string& name_or_folder,
                                                const OpenOptions& options = {});

/// The sets that make_files writes.
[[nodiscard]] std::vector<std::string> made_sets();

struct MakeOptions {
  std::int64_t train = 60'000, test = 10'000;  // examples; of MNIST the first ones, if it has more
  Key key = {};
  bool is_gzip = false;
  std::filesystem::path mnist;  // folder of MNIST; empty: drawn digits
  std::function<void(std::int64_t done, std::int64_t total)> progress;  // of both splits together
  std::function<bool()> should_stop;  // asked after every example; true: clew::Error
};

/// Writes digits, or a distorted set of them, as four files of MNIST's form; they get their places
/// when all are whole, until then they lie in FOLDER/.making, and what fails leaves nothing. A folder
/// that holds anything of their names already, more than fits a file, no MNIST where it is asked for:
/// clew::Error; an unknown set: UsageError.
void make_files(const std::string& name, const std::filesystem::path& folder,
                const MakeOptions& options = {});

}  // namespace clew::data
