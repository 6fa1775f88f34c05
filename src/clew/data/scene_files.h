// SPDX-License-Identifier: Apache-2.0
// Scenes as files, in the forms in which data sets of other people come, so that their readers can be
// tried without any download. The forms are described where they are read: folders.h, formats/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/dataset.h"
#include "clew/data/scenes.h"

namespace clew::data {

/// folders: pictures by the class in front (folders.h); voc, coco: objects with their boxes, of coco
/// with masks (formats/voc.h, coco.h); masks: classes and objects of pixels (formats/masks.h); clips,
/// frames: by the motion of the object in front, as AVI or as folders of pictures (formats/clips.h).
/// Pictures are JPEG, masks exact.
inline const std::vector<std::string> kSceneFormats = {"folders", "voc",   "coco",
                                                       "masks",   "clips", "frames"};

struct SceneFilesOptions {
  std::string format = "folders";
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
/// clew::Error; an unknown format: UsageError.
void make_scene_files(const std::filesystem::path& folder, const SceneFilesOptions& options = {});

}  // namespace clew::data
