// SPDX-License-Identifier: Apache-2.0
// Scenes: drawn pictures and clips of textured, shaded objects that hide one another in front of
// cluttered backgrounds, with everything known about them. The default set of classifiers,
// detectors, segmentation and video.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/data/dataset.h"

namespace clew::data {

inline constexpr std::int64_t kSceneClasses = 12;
inline constexpr std::int64_t kSceneMotions = 8;
/// Examples of the data set "scenes" to learn from, and of each of its other splits.
inline constexpr std::int64_t kSceneTrain = 10'000, kSceneTest = 2'000;
/// The key of a split of it.
[[nodiscard]] Key scene_key(const Key& key, Split split);

struct SceneOptions {
  std::int64_t size = 10'000;  // examples
  int width = 128, height = 128;
  int least_objects = 1, most_objects = 5;  // those that would be nearly hidden are left out
  float smallest = 0.16F, largest = 0.6F;   // an object's length, of the shorter side
  int frames = 1;                           // above 1: a clip with its flow
  bool has_objects = true;                  // boxes, labels and masks of the objects
  bool has_mask = true;                     // the class of each pixel
  std::vector<int> classes = {};            // of the objects in front; empty: all
  Key key = {};                             // of fixed examples
  bool is_fixed = true;                     // example i is always the same; false: from get's key
};

/// Example i shows, in front, an object of class i % 12; of n chosen `classes`, classes[i % n], and its label then
/// is i % n. Columns, objects from front to back:
///   image [3,H,W] f32 in [0,1], or clip [T,3,H,W]
///   label i64: the class of the object in front
///   motion i64: how that moves (clips)
///   flow [T-1,2,H,W] f32: (x,y) in pixels from each pixel of a frame to the next frame (clips)
///   boxes [N,4] f32: edges xyxy in pixels of what is to be seen, of the first frame; labels [N] i64; masks [N,H,W] u8
///   mask [H,W] i64: 0 background, else class + 1; of the first frame
/// The same bytes on every machine: no function of libm but the square root.
class Scenes : public Dataset {
 public:
  /// Sides of 16..4096 pixels, 1..64 objects, 1..256 frames: else clew::Error.
  explicit Scenes(SceneOptions options = {});

  std::int64_t size() const override { return options_.size; }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;
  /// Of the options.
  std::uint64_t content_hash() const override;
  static std::vector<std::string> all_class_names();
  static std::vector<std::string> motion_names();

 private:
  SceneOptions options_;
};

}  // namespace clew::data
