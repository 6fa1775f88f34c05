// SPDX-License-Identifier: Apache-2.0
// Clips in folders by class, as most sets of videos come, read; splits are folders around them as of
// pictures (folders.h):
//   FOLDER/CLASS/clip.avi           a video file: AVI, MP4, WebM, MKV, MOV
//   FOLDER/CLASS/CLIP/frame1.jpg    or the frames of a clip as pictures, in the order of the numbers in
//                                   their names
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "clew/image/image.h"

namespace clew::data {

struct Clip {
  std::filesystem::path path;                 // a video file, or the folder of its frames
  std::vector<std::filesystem::path> frames;  // of a folder, in order; of a video file none
};

/// One class, named by its path below the root: "sport/dive".
struct ClipFolder {
  std::string name;
  std::vector<Clip> clips;  // sorted by path; may be empty
};

/// The classes below `root`, sorted by name; hidden files and what other programs leave are no part of
/// it. A clip directly in `root`, a missing folder: clew::Error. Reads no picture.
[[nodiscard]] std::vector<ClipFolder> list_clips(const std::filesystem::path& root);

/// All frames of a clip, at most `most`, each [H,W,3] u8 RGB of one size. Frames of several sizes, none:
/// clew::Error.
[[nodiscard]] std::vector<image::Image> read_clip(const Clip& clip, std::size_t most = 100'000);

/// Natural order of file names: digits count as numbers, so that "f2" is before "f10".
[[nodiscard]] bool is_before(const std::string& a, const std::string& b);

}  // namespace clew::data
