// SPDX-License-Identifier: Apache-2.0
#include "clew/data/folders.h"

#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/pool.h"
#include "clew/data/image_tensor.h"
#include "clew/image/transform.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr int kDeepest = 16;
constexpr std::uint64_t kLongestPicture = 1ULL << 32;

/// True for hidden files and system files of a NAS, macOS, Windows or a file system.
bool is_foreign(const fs::path& path) {
  constexpr std::string_view kForeign[] = {
      "@eaDir", "__MACOSX", "#recycle", "lost+found", "$RECYCLE.BIN", "System Volume Information"};
  const std::string name = path.filename().string();
  return name.starts_with('.') || std::ranges::count(kForeign, name) != 0;
}

void check_folder(const fs::path& folder) {
  std::error_code code;
  CLEW_CHECK(fs::is_directory(folder, code), "'", folder.string(), "' must be a folder of pictures",
             code ? ": " + code.message() : std::string());
}

}  // namespace

std::vector<ClassFolder> list_classes(const fs::path& root, std::vector<fs::path>* skipped) {
  check_folder(root);
  std::map<std::string, ClassFolder> classes;
  std::vector<std::pair<fs::path, int>> open = {{root, 0}};  // with depth
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
      if (is_foreign(path)) continue;
      std::error_code ignored;
      const fs::file_type type = entry->status(ignored).type();  // follows links
      if (type == fs::file_type::directory) {
        open.emplace_back(path, depth + 1);
        has_folders = true;
      } else if (image::has_picture_ending(path) &&
                 (type == fs::file_type::regular || type == fs::file_type::not_found)) {
        found.files.push_back(path);
      } else if (skipped != nullptr) {
        skipped->push_back(path);
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

namespace {

/// Split folders in `folder`; all empty without train.
SplitPaths find_splits(const fs::path& folder, std::vector<fs::path>* skipped = nullptr) {
  check_folder(folder);
  SplitPaths splits;
  std::vector<fs::path> others;
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    std::error_code ignored;
    if (is_foreign(entry->path()) || !entry->is_directory(ignored)) continue;
    const auto part = split_of_name(entry->path().filename().string());
    if (!part) {
      others.push_back(entry->path());
      continue;
    }
    fs::path& split = splits.of(*part);
    CLEW_CHECK(split.empty(), "'", folder.string(), "' has two folders for one split, ",
               std::min(split, entry->path()).filename().string(), " and ",
               std::max(split, entry->path()).filename().string());
    split = entry->path();
  }
  CLEW_CHECK(!code, "cannot read '", folder.string(), "': ", code.message());
  if (splits.train.empty()) return {};
  std::ranges::sort(others);
  if (skipped != nullptr) skipped->insert(skipped->end(), others.begin(), others.end());
  return splits;
}

/// Files of one split, by class.
std::vector<fs::path> files_of(const SplitFolder& where, Split part) {
  std::vector<fs::path> files;
  for (const auto& one : list_classes(where.path)) {
    const auto uses = splits_of(one, where);
    for (std::size_t i = 0; i < uses.size(); ++i)
      if (!where.is_shared || uses[i] == part) files.push_back(one.files[i]);
  }
  return files;
}

}  // namespace

std::vector<fs::path> split_folders(const fs::path& folder, std::vector<fs::path>* skipped) {
  const SplitPaths splits = find_splits(folder, skipped);
  std::vector<fs::path> found;
  for (const auto* path : {&splits.train, &splits.validation, &splits.test})
    if (!path->empty()) found.push_back(*path);
  return found;
}

SplitFolder split_folder(const fs::path& folder, Split part, const FolderOptions& options) {
  SplitPaths paths = find_splits(folder);
  const bool has_folders = !paths.train.empty();
  if (!has_folders) paths.train = folder;
  if (!options.test.empty()) paths.test = options.test;
  if (paths.test.empty()) std::swap(paths.validation, paths.test);
  if (!options.validation.empty()) paths.validation = options.validation;
  CLEW_CHECK(!has_folders || !paths.test.empty(), "'", folder.string(), "' has a folder ",
             paths.train.filename().string(), " and must have val or test beside it");
  return paths.folder(part, {.test = options.test_share, .validation = options.validation_share});
}

std::vector<Split> splits_of(const ClassFolder& one, const SplitFolder& where) {
  std::vector<Split> splits;
  for (const auto& file : one.files)
    splits.push_back(split_of_path(file.lexically_relative(where.path).generic_string(), where));
  if (!splits.empty() && std::ranges::count(splits, Split::kTrain) == 0) splits[0] = Split::kTrain;
  return splits;
}

void check_splits_apart(const fs::path& folder, const FolderOptions& options) {
  struct Seen {
    fs::path path;
    std::size_t split;
  };
  constexpr std::array kSplits = {Split::kTrain, Split::kValidation, Split::kTest};
  constexpr std::array kNames = {"train", "validation", "test"};
  std::map<fs::path, fs::path> real_folders;  // cache of canonical paths
  std::unordered_map<std::string, Seen> seen;
  for (std::size_t k = 0; k < kSplits.size(); ++k) {
    for (const auto& path : files_of(split_folder(folder, kSplits[k], options), kSplits[k])) {
      std::error_code ignored;
      const auto [parent, is_new] = real_folders.try_emplace(path.parent_path());
      if (is_new) parent->second = fs::weakly_canonical(path.parent_path(), ignored);
      fs::path real = parent->second / path.filename();
      if (fs::is_symlink(path, ignored)) real = fs::weakly_canonical(path, ignored);
      const auto [other, is_first] = seen.try_emplace(real.string(), Seen{path, k});
      const Seen& one = other->second;
      CLEW_CHECK(is_first || one.split == k, "a picture must be in one split, got '", path.string(),
                 "' in ", kNames[k],
                 one.path == path
                     ? concat(" and in ", kNames[one.split])
                     : concat(", which is '", one.path.string(), "' in ", kNames[one.split]));
    }
  }
}

ImageFolder::ImageFolder(const fs::path& folder, Split part, FolderOptions options)
    : options_(options) {
  CLEW_CHECK((options.width == 0) == (options.height == 0) && options.width >= 0 &&
                 options.width <= 65535 && options.height >= 0 && options.height <= 65535,
             "pictures can be brought to 1..65535 pixels both ways, or 0 and 0 for as they are, "
             "got ",
             options.width, "x", options.height);
  CLEW_CHECK(options.fit != image::Fit::kInside,
             "pictures of a set have one size: stretch, crop or letterbox them");
  CLEW_CHECK(options.channels == 1 || options.channels == 3,
             "pictures can have 1 or 3 channels, got ", options.channels);
  CLEW_CHECK(options.test_share > 0 && options.validation_share >= 0 &&
                 options.test_share + options.validation_share < 1,
             "the shares of pictures to test with and for validation must be above 0 and below 1 "
             "together, got ",
             options.test_share, " and ", options.validation_share);
  std::vector<fs::path> others;
  (void)find_splits(folder, &others);
  if (part == Split::kTrain) {
    for (const auto& other : others)
      log(LogLevel::kWarning, concat("'", other.string(), "' is passed over: it is no split"));
  }
  const auto where = split_folder(folder, part, options);
  const fs::path train = split_folder(folder, Split::kTrain, options).path, &own = where.path;
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
    const auto uses = splits_of(one, where);
    for (std::size_t i = 0; i < uses.size(); ++i) {
      if (!where.is_shared || uses[i] == part) files_.push_back({one.files[i], number->second});
    }
  }
  if (options.skip_bad) skip_bad_files();
  CLEW_CHECK(!files_.empty(), "'", own.string(), "' must hold pictures in FOLDER/CLASS/",
             names_.empty() ? "" : ", got none for this split");
  check_splits_apart(folder, options);
}

void ImageFolder::skip_bad_files() {
  std::vector<std::string> faults(files_.size());
  std::atomic<std::size_t> next = 0;
  ThreadPool pool(static_cast<int>(std::max(1U, std::thread::hardware_concurrency())));
  pool.run([&](int /*worker*/) {
    for (std::size_t i = next++; i < files_.size(); i = next++) {
      try {
        (void)picture(static_cast<std::int64_t>(i));
      } catch (const Error& error) {
        faults[i] = error.what();
      }
    }
  });
  std::vector<File> good;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (faults[i].empty()) {
      good.push_back(files_[i]);
    } else {
      log(LogLevel::kWarning, concat(faults[i], "; it is left out"));
    }
  }
  files_ = std::move(good);
}

image::Image ImageFolder::picture(std::int64_t index) const {
  return image::read(path(index), options_.background);
}

int ImageFolder::label(std::int64_t index) const {
  check_index(*this, index);
  return files_[static_cast<std::size_t>(index)].label;
}

const fs::path& ImageFolder::path(std::int64_t index) const {
  check_index(*this, index);
  return files_[static_cast<std::size_t>(index)].path;
}

Example ImageFolder::get(std::int64_t index, const Key&) const {
  image::Image picture = this->picture(index);
  if (options_.channels == 1) picture = image::to_grey(picture);
  if (options_.width > 0)
    picture = image::resize(picture, options_.width, options_.height, options_.fit);
  const auto target = torch::empty({}, torch::kInt64);
  *target.data_ptr<std::int64_t>() = label(index);
  return {{"image", to_tensor(picture)}, {"label", target}};
}

std::uint64_t ImageFolder::content_hash() const {
  std::uint64_t hash =
      hash_text(concat(options_.width, "x", options_.height, " ", static_cast<int>(options_.fit),
                       " ", options_.channels, " ", name_of(options_.background)));
  for (const auto& file : files_)
    hash = hash_text(read_file(file.path, kLongestPicture),
                     hash + static_cast<std::uint64_t>(file.label));
  return hash;
}

Columns ImageFolder::columns() const {
  const bool is_resized = options_.width > 0;
  return image_and_label(
      {options_.channels, is_resized ? options_.height : -1, is_resized ? options_.width : -1});
}

}  // namespace clew::data
