// SPDX-License-Identifier: Apache-2.0
// Scenes: synthetic pictures and clips of textured, shaded objects that occlude one another in
// front of cluttered backgrounds, with full ground truth. The default set of classification,
// detection, segmentation and video.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/data/dataset.h"

namespace clew::data {

inline constexpr std::int64_t kSceneClasses = 12;
inline constexpr std::int64_t kSceneMotions = 8;
/// Examples of the data set "scenes": training split, and each of the others.
inline constexpr std::int64_t kSceneTrain = 10'000, kSceneTest = 2'000;
/// Key of a split.
[[nodiscard]] Key scene_key(const Key& key, Split split);

struct SceneOptions {
  std::int64_t size = 10'000;  // examples
  int width = 128, height = 128;
  int least_objects = 1, most_objects = 5;  // nearly hidden ones are left out
  float smallest = 0.16F, largest = 0.6F;   // object length, in shorter sides
  int frames = 1;                           // above 1: a clip with optical flow
  bool has_objects = true;                  // columns boxes, labels and masks
  bool has_mask = true;                     // column mask
  std::vector<int> classes = {};            // of the foremost object; empty: all
  Key key = {};                             // of fixed examples
  bool is_fixed = true;                     // example i is always the same; false: from get's key
};

/// Numbers of classes of scenes by name, for SceneOptions::classes. Unknown: UsageError beginning with `key`.
[[nodiscard]] std::vector<int> scene_classes(const std::vector<std::string>& names,
                                             const std::string& key);

/// The foremost object of example i has class i % 12; of n chosen `classes`, classes[i % n] with
/// label i % n. Columns, objects from front to back:
///   image [3,H,W] f32 in [0,1], or clip [T,3,H,W]
///   label i64: class of the foremost object
///   motion i64: its motion (clips)
///   flow [T-1,2,H,W] f32: forward optical flow (x,y), pixels (clips)
///   boxes [N,4] f32 xyxy, pixels, visible parts; labels [N] i64; masks [N,H,W] u8 (first frame)
///   mask [H,W] i64: 0 background, else class + 1 (first frame)
/// The same bytes on every machine: of libm, only the square root.
class Scenes : public Dataset {
 public:
  /// Sides of 16..4096 pixels, 1..64 objects, 1..256 frames: else clew::Error.
  explicit Scenes(SceneOptions options = {});

  std::int64_t size() const override { return options_.size; }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;
  /// Hash of the options.
  std::uint64_t content_hash() const override;
  static std::vector<std::string> all_class_names();
  static std::vector<std::string> motion_names();

 private:
  SceneOptions options_;
};

}  // namespace clew::data
