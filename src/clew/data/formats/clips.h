// SPDX-License-Identifier: Apache-2.0
// Reader of clip folders by class; split folders as for pictures (folders.h):
//   FOLDER/CLASS/clip.avi           a video file: AVI, MP4, WebM, MKV, MOV
//   FOLDER/CLASS/CLIP/frame1.jpg    or a folder of frames, in natural order of their names
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clew/image/image.h"

namespace clew::data {

struct Clip {
  std::filesystem::path path;                 // a video file, or the folder of its frames
  std::vector<std::filesystem::path> frames;  // of a folder, in order; empty for a video file
};

/// One class, named by its path below the root: "sport/dive".
struct ClipFolder {
  std::string name;
  std::vector<Clip> clips;  // sorted by path; may be empty
};

/// Classes below `root`, sorted by name, without hidden and system files. A clip directly in
/// `root`, a missing folder: clew::Error. Reads no picture.
[[nodiscard]] std::vector<ClipFolder> list_clips(const std::filesystem::path& root);

/// Frames of a clip, at most `most`, each [H,W,3] u8 RGB. No frames, or different sizes:
/// clew::Error.
[[nodiscard]] std::vector<image::Image> read_clip(const Clip& clip, std::size_t most = 100'000);

/// Natural order of file names: "f2" before "f10".
[[nodiscard]] bool is_before(const std::string& a, const std::string& b);

}  // namespace clew::data
