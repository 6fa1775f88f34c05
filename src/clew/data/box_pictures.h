// SPDX-License-Identifier: Apache-2.0
// Pictures with boxes as a data set: those of a folder (box_set.h), and scenes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/names.h"
#include "clew/data/box_set.h"
#include "clew/data/dataset.h"
#include "clew/data/scenes.h"
#include "clew/image/files.h"

namespace clew::data {

/// Columns of pictures with boxes, all of them listed:
///   image [3,H,W] f32 in [0,1]
///   boxes [N,4] f32 xyxy, pixels, within the picture
///   labels [N] i64 in 0..C-1
///   areas [N] f32 pixels: of the masks, or of the boxes without one
///   crowd [N] bool: a region of many objects
///   difficult [N] bool: ignored by an evaluation
///   masks [N,H,W] u8, 0 or 1, with `has_masks`
[[nodiscard]] Columns box_columns(bool has_masks);

/// Boxes without area, outside their picture, or not finite.
enum class Degenerate : std::uint8_t { kDrop, kRefuse };
constexpr auto names(Degenerate) {
  return std::to_array<Named<Degenerate>>(
      {{Degenerate::kDrop, "drop"}, {Degenerate::kRefuse, "refuse"}});
}

/// Member or base of a recipe's table `data`, whose fields() calls this one's.
struct BoxDataConfig {
  std::string dir;
  std::vector<std::string> classes;
  double validation_share = SplitShares{}.validation, test_share = SplitShares{}.test;
  Degenerate degenerate = Degenerate::kDrop;
  image::Background background = image::Background::kAuto;

  void fields(Fields& v) {
    v("dir", dir,
      {.path = PathKind::kPath,
       .help = "folder of pictures with boxes, of Pascal VOC, COCO or YOLO"});
    v("classes", classes,
      {.help = "names of the classes by label; empty: those of the training data"});
    v("validation_share", validation_share,
      {.above = 0.0,
       .below = 1.0,
       .help = "share of the training pictures that is held out without a set for validation"});
    v("test_share", test_share,
      {.above = 0.0, .below = 1.0, .help = "the same share without any set to test with"});
    v("degenerate", degenerate,
      {.help =
           "boxes without area or outside their picture: left out with a warning, or an error"});
    v("background", background,
      {.help = "behind transparent pictures; auto: white behind dark, black behind light"});
  }
};

/// Pictures with boxes in files. Pictures are read by `get`, upright or as they are stored,
/// whichever has the size of the annotation. Boxes are clipped to the picture. Keys are not used.
class BoxPictures : public Dataset {
 public:
  /// A split of config.dir. No data.dir: UsageError. As read_box_set; degenerate boxes that are
  /// refused, an object without a mask where `has_masks`: clew::Error.
  BoxPictures(const BoxDataConfig& config, Split split, bool has_masks = false);

  std::int64_t size() const override { return static_cast<std::int64_t>(set_.pictures.size()); }
  /// A picture of another size than its annotation's: clew::Error.
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return box_columns(has_masks_); }
  std::vector<std::string> class_names() const override { return set_.classes; }
  std::string origin(std::int64_t index) const override;
  /// Hash of file contents and boxes.
  std::uint64_t content_hash() const override;

  const BoxSet& boxes() const { return set_; }

 private:
  BoxSet set_;
  image::Background background_;
  bool has_masks_;
};

/// Scenes with the columns of box_columns. crowd and difficult are false, areas are the masks'.
class SceneBoxes : public Dataset {
 public:
  /// `options`: as of Scenes; columns other than the image and its objects are left out.
  explicit SceneBoxes(SceneOptions options = {}, bool has_masks = false);

  std::int64_t size() const override { return scenes_.size(); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return box_columns(has_masks_); }
  std::vector<std::string> class_names() const override { return scenes_.class_names(); }
  std::uint64_t content_hash() const override { return scenes_.content_hash(); }

 private:
  Scenes scenes_;
  bool has_masks_;
};

}  // namespace clew::data
