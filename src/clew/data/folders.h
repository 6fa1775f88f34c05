// SPDX-License-Identifier: Apache-2.0
// Pictures in folders by class, the form in which most image sets come: FOLDER/CLASS/picture.png,
// or FOLDER/train/CLASS/..., FOLDER/val/CLASS/..., and perhaps FOLDER/test/CLASS/..., by any name that
// people give them: training; valid, validation; testing; in any case.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/files.h"
#include "clew/image/image.h"
#include "clew/image/transform.h"

namespace clew::data {

/// One class: every folder that holds pictures is one, named by its path below the root.
struct ClassFolder {
  std::string name;                          // "Latin/character01", '/' on every system
  std::vector<std::filesystem::path> files;  // sorted; may be empty
};

/// The classes under `root`, sorted by name; hidden files and what other programs leave (@eaDir,
/// __MACOSX) are no part of it. A folder with neither pictures nor folders is a class without
/// pictures. Links are followed, and one that leads nowhere is a file. Files that are no pictures by
/// their ending are added to `passed_over`. Pictures directly in `root`, a missing folder:
/// clew::Error. Reads no picture.
[[nodiscard]] std::vector<ClassFolder> list_classes(
    const std::filesystem::path& root, std::vector<std::filesystem::path>* passed_over = nullptr);

/// The folders of the splits train, val and test, in this order, as far as they are there; none where
/// there is no train, and then the folders are classes. Folders beside them are added to
/// `passed_over`. A split with two folders: clew::Error.
[[nodiscard]] std::vector<std::filesystem::path> split_folders(
    const std::filesystem::path& folder, std::vector<std::filesystem::path>* passed_over = nullptr);
struct FolderOptions {
  int width = 0, height = 0;           // what pictures are brought to, pixels; 0: as they are
  image::Fit fit = image::Fit::kCrop;  // how, but for kInside
  int channels = 3;                    // 3 = RGB, 1 = grey
  image::Background background = image::Background::kAuto;  // of transparent pictures
  // Of all pictures where no folder says which are to test with, and of the training pictures where
  // none says which are for validation. Without any folders for splits both are shares of all.
  double test_share = 0.2, validation_share = 0.1;
  // Folders by class for these splits alone, instead of what `folder` has for them; empty: none.
  std::filesystem::path validation = {}, test = {};
  bool skip_bad = false;  // leaves out pictures that cannot be read, each with a warning
};

/// Folder of a split's pictures.
struct SplitFolder {
  std::filesystem::path path;
  bool is_shared = false;  // with other splits: splits_of says which are whose
  double test_share = 0, validation_share = 0;
};
/// With folders train, val and test each split has its own; those of `options` come first. One that is
/// called val and has no test set beside it is the test set, and validation is a share of train.
/// Without folders for splits those that `options` gives none share `folder`. A train without a test
/// set: clew::Error.
[[nodiscard]] SplitFolder split_folder(const std::filesystem::path& folder, Split split,
                                       const FolderOptions& options = {});
/// Split of each file of a class below `where`. The files' paths below it decide, so that adding
/// pictures moves none from one split to another; but where none would be for training, the first is.
[[nodiscard]] std::vector<Split> splits_of(const ClassFolder& one, const SplitFolder& where);

/// In [0,1), by a file's path below its root: the same on every machine.
[[nodiscard]] double share_of_path(const std::string& file);

/// Splits without a common file, links followed: else clew::Error naming the file and both splits.
void check_splits_apart(const std::filesystem::path& folder, const FolderOptions& options = {});

/// image [C,H,W] f32 in [0,1], label 0-d i64: the class's place in the sorted list. Pictures are
/// read when they are asked for. Keys are not used.
class ImageFolder : public Dataset {
 public:
  /// Of the train split the log is warned of folders that are passed over, as they are no split. A class
  /// without pictures, a test class that is not learnt, no picture at all, splits that overlap:
  /// clew::Error.
  ImageFolder(const std::filesystem::path& folder, Split split, FolderOptions options = {});

  std::int64_t size() const override { return static_cast<std::int64_t>(files_.size()); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override { return names_; }
  std::string origin(std::int64_t index) const override { return path(index).string(); }
  /// Of the files' bytes and classes.
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
