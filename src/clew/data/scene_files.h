// SPDX-License-Identifier: Apache-2.0
// Scenes as files, in the forms in which data sets of other people come, so that their readers can be
// tried without any download. The forms are described where they are read: folders.h, formats/.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>

#include "clew/core/key.h"
#include "clew/core/names.h"
#include "clew/data/dataset.h"
#include "clew/data/scenes.h"

namespace clew::data {

/// Form of files of scenes. Pictures are JPEG, masks exact.
enum class SceneFormat : std::uint8_t {
  kFolders,  // pictures by the class in front (folders.h)
  kVoc,      // objects with their boxes (formats/voc.h)
  kCoco,     // objects with boxes and masks (formats/coco.h)
  kMasks,    // classes and objects of pixels (formats/masks.h)
  kClips,    // AVI by the motion of the object in front (formats/clips.h)
  kFrames,   // the same as folders of pictures
};
constexpr auto names(SceneFormat) {
  using enum SceneFormat;
  return std::to_array<Named<SceneFormat>>({{kFolders, "folders"},
                                            {kVoc, "voc"},
                                            {kCoco, "coco"},
                                            {kMasks, "masks"},
                                            {kClips, "clips"},
                                            {kFrames, "frames"}});
}

struct SceneFilesOptions {
  SceneFormat format = SceneFormat::kFolders;
  std::int64_t train = kSceneTrain, validation = kSceneTest, test = kSceneTest;  // scenes
  SceneOptions scene = {.frames = 16};  // sides, objects; frames are of clips
  Key key = {};                         // as of the data set "scenes"
  int threads = 1;                      // of no influence on the files
  // From the calling thread, now and then.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::function<bool()> should_stop = {};  // true: clew::Error
};

/// Writes train, val and test into `folder`; they get their places when all are whole, and what fails
/// leaves nothing. A folder that holds any of their names already, a scene that cannot be:
/// clew::Error.
void make_scene_files(const std::filesystem::path& folder, const SceneFilesOptions& options = {});

}  // namespace clew::data
