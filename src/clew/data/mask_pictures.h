// SPDX-License-Identifier: Apache-2.0
// Pictures with class masks as a data set: those of a folder, and scenes.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/dataset.h"
#include "clew/data/scenes.h"
#include "clew/image/files.h"

namespace clew::data {

/// Columns of pictures with masks, both listed, for sizes differ:
///   image [3,H,W] f32 in [0,1]
///   mask [H,W] u8: class of each pixel, or kVoid
[[nodiscard]] Columns mask_columns();

/// Member or base of a recipe's table `data`, whose fields() calls this one's.
struct MaskDataConfig {
  std::string dir;
  std::vector<std::string> classes, ignored;
  double validation_share = SplitShares{}.validation, test_share = SplitShares{}.test;
  image::Background background = image::Background::kAuto;

  void fields(Fields& v) {
    v("dir", dir,
      {.path = PathKind::kPath,
       .help =
           "folder of pictures and masks: of Pascal VOC (JPEGImages, SegmentationClass), of CamVid "
           "(train, trainannot), of COCO (panoptic_train*.json), or images and masks, also below "
           "train, val and test"});
    v("classes", classes,
      {.help = "names of the classes by their number in the masks; empty: those of labels.txt, or "
               "of a panoptic set"});
    v("ignored", ignored,
      {.help = "classes of data.classes whose pixels are not counted, as those of 255"});
    v("validation_share", validation_share,
      {.above = 0.0,
       .below = 1.0,
       .help = "share of the training pictures that is held out without a set for validation"});
    v("test_share", test_share,
      {.above = 0.0, .below = 1.0, .help = "the same share without any set to test with"});
    v("background", background,
      {.help = "behind transparent pictures; auto: white behind dark, black behind light"});
  }
};

/// `classes` without those of `ignored`. Ignored names that are no classes, fewer than two left, more than 255, a class
/// twice: UsageError.
[[nodiscard]] std::vector<std::string> counted_classes(const std::vector<std::string>& classes,
                                                       const std::vector<std::string>& ignored,
                                                       const std::string& table = "data.");

/// Picture files of a folder by their names without the ending. A name twice, no folder: clew::Error.
[[nodiscard]] std::map<std::string, std::filesystem::path> files_by_stem(
    const std::filesystem::path& folder);
/// True for folders that list_masks knows by their layout.
[[nodiscard]] bool has_masks(const std::filesystem::path& folder);

/// Classes of the segments of a panoptic mask.
struct PanopticMask {
  std::shared_ptr<const std::vector<std::string>> classes;  // of the whole set, by number
  std::vector<std::pair<std::uint32_t, std::uint8_t>>
      segments;  // sorted: colour, number of the class
};
/// A picture and its mask.
struct MaskPair {
  std::filesystem::path picture, mask;
  std::shared_ptr<const PanopticMask>
      panoptic{};  // of a mask whose colours are segments; else null
};
/// Number of the class of each pixel, or kVoid. Numbers of `classes` and above, or of no class: clew::Error.
[[nodiscard]] image::Values read_mask(const MaskPair& pair, std::int64_t classes);
/// Names of the classes of a folder by number: of labels.txt, or of a panoptic set; else none.
[[nodiscard]] std::vector<std::string> mask_class_names(const std::filesystem::path& folder);
/// A split of a folder, by name. A val without a test set is the test set; validation without a set of its own is a share
/// of train, by a hash of the pictures' names; without any splits, test is, too. An unknown layout, a picture without a
/// mask or a mask without a picture, a name twice, no picture: clew::Error.
[[nodiscard]] std::vector<MaskPair> list_masks(const std::filesystem::path& folder, Split split,
                                               const SplitShares& shares = {});

/// Pictures with masks in files, read by `get`. Keys are not used.
class MaskPictures : public Dataset {
 public:
  /// A split of config.dir. No data.dir, no names of classes: UsageError; as list_masks.
  MaskPictures(const MaskDataConfig& config, Split split);

  std::int64_t size() const override { return static_cast<std::int64_t>(pairs_.size()); }
  /// A mask of another size than its picture's, of colours, or with a number that is no class: clew::Error.
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return mask_columns(); }
  /// Counted ones.
  std::vector<std::string> class_names() const override { return counted_; }
  std::string origin(std::int64_t index) const override;
  /// Hash of file contents and classes.
  std::uint64_t content_hash() const override;
  /// Names by number in the masks.
  const std::vector<std::string>& mask_classes() const { return classes_; }

 private:
  std::vector<MaskPair> pairs_;
  std::vector<std::string> classes_, counted_;
  std::array<std::uint8_t, 256> numbers_{};  // of counted classes, by number in the masks
  image::Background background_;
};

/// Scenes with the columns of mask_columns. Class 0 is the background.
class SceneMasks : public Dataset {
 public:
  /// `options`: as of Scenes; columns other than the image and its mask are left out.
  explicit SceneMasks(SceneOptions options = {});

  std::int64_t size() const override { return scenes_.size(); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return mask_columns(); }
  std::vector<std::string> class_names() const override { return all_class_names(); }
  std::uint64_t content_hash() const override { return scenes_.content_hash(); }
  static std::vector<std::string> all_class_names();

 private:
  Scenes scenes_;
};

}  // namespace clew::data
