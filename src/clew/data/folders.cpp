// SPDX-License-Identifier: Apache-2.0
#include "clew/data/folders.h"

#include <torch/utils.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 16;

bool is_picture(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg" || ending == ".pgm";
}

void check_folder(const fs::path& folder) {
  std::error_code code;
  CLEW_CHECK(fs::is_directory(folder, code), "'", folder.string(), "' must be a folder of pictures",
             code ? ": " + code.message() : std::string());
}

/// Where test pictures lie, if there is a folder for them.
fs::path test_folder(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"val", "test"}) {
    if (fs::is_directory(folder / name, ignored)) return folder / name;
  }
  return {};
}

/// In [0,1) from the file's path below its root; the same on every machine.
double share_of_path(const fs::path& file, const fs::path& root) {
  const std::string name = file.lexically_relative(root).generic_string();
  return static_cast<double>(hash64(std::as_bytes(std::span(name))) >> 11) * 0x1p-53;
}

}  // namespace

std::vector<ClassFolder> list_classes(const fs::path& root) {
  check_folder(root);
  std::map<std::string, ClassFolder> classes;
  std::vector<std::pair<fs::path, int>> open = {{root, 0}};  // and how deep they lie
  while (!open.empty()) {
    const auto [folder, depth] = open.back();
    open.pop_back();
    CLEW_CHECK(depth <= kDeepest, "'", folder.string(), "' lies more than ", kDeepest,
               " folders deep; does a link lead back?");
    ClassFolder found{.name = folder.lexically_relative(root).generic_string(), .files = {}};
    bool has_folders = false;
    std::error_code code;
    for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
         entry.increment(code)) {
      const fs::path path = entry->path();
      if (path.filename().string().starts_with(".")) continue;
      std::error_code ignored;
      if (entry->is_directory(ignored)) {
        open.emplace_back(path, depth + 1);
        has_folders = true;
      } else if (is_picture(path) && entry->is_regular_file(ignored)) {
        found.files.push_back(path);
      }
    }
    CLEW_CHECK(!code, "cannot read '", folder.string(), "': ", code.message());
    std::sort(found.files.begin(), found.files.end());
    if (folder == root) {
      CLEW_CHECK(found.files.empty(), "'", found.files[0].string(),
                 "' belongs to no class: pictures must lie in FOLDER/CLASS/");
    } else if (!found.files.empty() || !has_folders) {
      classes[found.name] = std::move(found);
    }
  }
  std::vector<ClassFolder> sorted;
  for (auto& [name, one] : classes) sorted.push_back(std::move(one));
  return sorted;
}

bool has_split_folders(const fs::path& folder) {
  check_folder(folder);
  std::error_code ignored;
  const bool has_train = fs::is_directory(folder / "train", ignored);
  const bool has_test = !test_folder(folder).empty();
  CLEW_CHECK(has_train == has_test || !has_train, "'", folder.string(),
             "' has a folder train and must have val or test beside it");
  return has_train && has_test;
}

fs::path split_folder(const fs::path& folder, Split part) {
  if (!has_split_folders(folder)) return folder;
  return part == Split::kTrain ? folder / "train" : test_folder(folder);
}

ImageFolder::ImageFolder(const fs::path& folder, Split part, FolderOptions options)
    : options_(options) {
  CLEW_CHECK((options.width == 0) == (options.height == 0) && options.width >= 0 &&
                 options.width <= 65535 && options.height >= 0 && options.height <= 65535,
             "pictures can be brought to 1..65535 pixels both ways, or 0 and 0 for as they are, "
             "got ",
             options.width, "x", options.height);
  CLEW_CHECK(options.channels == 1 || options.channels == 3,
             "pictures can have 1 or 3 channels, got ", options.channels);
  CLEW_CHECK(options.test_share > 0 && options.test_share < 1,
             "the share of pictures to test with must lie between 0 and 1, got ",
             options.test_share);
  const bool is_split = has_split_folders(folder), is_test = part == Split::kTest;
  const fs::path train = split_folder(folder, Split::kTrain), own = split_folder(folder, part);
  std::map<std::string, int> numbers;
  for (const auto& one : list_classes(train)) {
    CLEW_CHECK(!one.files.empty(), "class '", one.name, "' of '", train.string(),
               "' has no pictures");
    numbers[one.name] = static_cast<int>(names_.size());
    names_.push_back(one.name);
  }
  for (const auto& one : list_classes(own)) {
    const auto number = numbers.find(one.name);
    CLEW_CHECK(number != numbers.end(), "class '", one.name, "' of '", own.string(),
               "' is not in '", train.string(), "'");
    CLEW_CHECK(!one.files.empty(), "class '", one.name, "' of '", own.string(),
               "' has no pictures");
    for (const auto& file : one.files) {
      if (is_split || (share_of_path(file, folder) < options.test_share) == is_test)
        files_.push_back({file, number->second});
    }
  }
  CLEW_CHECK(!files_.empty(), "'", own.string(), "' must hold pictures in FOLDER/CLASS/",
             names_.empty() ? "" : ", got none for this split");
}

image::Image ImageFolder::picture(std::int64_t index) const { return image::read(path(index)); }

int ImageFolder::label(std::int64_t index) const {
  check_index(*this, index);
  return files_[static_cast<std::size_t>(index)].label;
}

const fs::path& ImageFolder::path(std::int64_t index) const {
  check_index(*this, index);
  return files_[static_cast<std::size_t>(index)].path;
}

Sample ImageFolder::get(std::int64_t index, const Key&) const {
  image::Image picture = this->picture(index);
  if (options_.channels == 1) picture = image::to_grey(picture);
  if (options_.width > 0) picture = image::resize(picture, options_.width, options_.height);
  const auto planes = image::to_planes(image::to_float(picture));
  const auto input =
      torch::empty({picture.channels, picture.height, picture.width}, torch::kFloat32);
  std::memcpy(input.data_ptr<float>(), planes.data(), planes.size() * sizeof(float));
  const auto target = torch::empty({}, torch::kInt64);
  *target.data_ptr<std::int64_t>() = label(index);
  return {input, target};
}

}  // namespace clew::data
