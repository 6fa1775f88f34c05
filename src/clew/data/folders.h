// SPDX-License-Identifier: Apache-2.0
// Picture folders by class: FOLDER/CLASS/picture.png, or FOLDER/train/CLASS/...,
// FOLDER/val/CLASS/... and optionally FOLDER/test/CLASS/.... Also accepted, in any case: training;
// valid, validation; testing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/data/splits.h"
#include "clew/image/files.h"
#include "clew/image/image.h"
#include "clew/image/transform.h"

namespace clew::data {

/// One class: a folder with pictures, named by its path below the root.
struct ClassFolder {
  std::string name;                          // "Latin/character01", '/' on every system
  std::vector<std::filesystem::path> files;  // sorted; may be empty
};

/// Classes under `root`, sorted by name, without hidden and system files (@eaDir, __MACOSX). A
/// folder with neither pictures nor folders is a class without pictures. Links are followed; a
/// dangling one counts as a file. Files without a picture's extension are added to `skipped`.
/// Pictures directly in `root`, a missing folder: clew::Error. Reads no picture.
[[nodiscard]] std::vector<ClassFolder> list_classes(
    const std::filesystem::path& root, std::vector<std::filesystem::path>* skipped = nullptr);

/// Existing folders of the splits train, val and test, in this order; empty without train (then
/// folders are classes). Other folders are added to `skipped`. Two folders for a split:
/// clew::Error.
[[nodiscard]] std::vector<std::filesystem::path> split_folders(
    const std::filesystem::path& folder, std::vector<std::filesystem::path>* skipped = nullptr);
struct FolderOptions {
  int width = 0, height = 0;                                // resized to, pixels; 0: as they are
  image::Fit fit = image::Fit::kCrop;                       // not kInside
  int channels = 3;                                         // 3 = RGB, 1 = grey
  image::Background background = image::Background::kAuto;  // of transparent pictures
  // Shares in (0,1) for splits without a folder: test of all pictures, validation of the training
  // pictures. Without any split folders both are shares of all.
  double test_share = 0.2, validation_share = 0.1;
  // Class folders of these splits, instead of `folder`'s; empty: none.
  std::filesystem::path validation = {}, test = {};
  bool skip_bad = false;  // leaves out unreadable pictures, each with a warning
};

/// Folder of a split: `options`' first, then train, val and test below `folder`. A val without a
/// test set is the test set, and validation is a share of train. Without split folders, the splits
/// that `options` does not name share `folder`. Train without a test set: clew::Error.
[[nodiscard]] SplitFolder split_folder(const std::filesystem::path& folder, Split split,
                                       const FolderOptions& options = {});
/// Split of each file of a class, by a hash of its path below `where`, so that adding pictures
/// moves none from one split to another. If none would be for training, the first one is.
[[nodiscard]] std::vector<Split> splits_of(const ClassFolder& one, const SplitFolder& where);

/// A file in two splits, links followed: clew::Error naming the file and both splits.
void check_splits_apart(const std::filesystem::path& folder, const FolderOptions& options = {});

/// image [C,H,W] f32 in [0,1], label 0-d i64: index in the sorted class names. Pictures are read by
/// `get`. Keys are not used.
class ImageFolder : public Dataset {
 public:
  /// For the train split, logs a warning of ignored folders. A class without pictures, a test class
  /// that is not in train, no pictures, overlapping splits: clew::Error.
  ImageFolder(const std::filesystem::path& folder, Split split, FolderOptions options = {});

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override { return names_; }
  std::string origin(std::int64_t index) const override { return path(index).string(); }
  /// Hash of file contents and classes.
  std::uint64_t content_hash() const override;

  /// Picture `index` as it is in the file, RGB.
  image::Image picture(std::int64_t index) const;
  int label(std::int64_t index) const;
  const std::filesystem::path& path(std::int64_t index) const;

 private:
  struct File {
    std::filesystem::path path;
    int label = 0;
  };
  void skip_bad_files();

  FolderOptions options_;
  std::vector<File> files_;
  std::vector<std::string> names_;
};

}  // namespace clew::data
