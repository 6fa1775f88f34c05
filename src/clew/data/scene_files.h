// SPDX-License-Identifier: Apache-2.0
// Scenes as files in common data set formats, for trying the readers (folders.h, formats/) without
// a download.
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

/// File formats of scenes. Pictures are JPEG, masks lossless.
enum class SceneFormat : std::uint8_t {
  kFolders,  // pictures by the class of the foremost object (folders.h)
  kVoc,      // boxes (formats/voc.h)
  kCoco,     // boxes and masks (formats/coco.h)
  kMasks,    // semantic and instance masks (formats/masks.h)
  kClips,    // AVI by the motion of the foremost object (formats/clips.h)
  kFrames,   // the same as folders of frames
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
  SceneOptions scene = {.frames = 16};  // size, objects; frames for clips only
  Key key = {};                         // as of the data set "scenes"
  int threads = 1;                      // does not affect the files
  // Called from the calling thread.
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
  std::function<bool()> should_stop = {};  // true: clew::Error
};

/// Writes train, val and test into `folder`, all or none. Existing files of those names, invalid
/// scene options: clew::Error.
void make_scene_files(const std::filesystem::path& folder, const SceneFilesOptions& options = {});

}  // namespace clew::data
