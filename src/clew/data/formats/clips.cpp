// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/clips.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>

#include "clew/core/error.h"
#include "clew/data/folders.h"
#include "clew/image/files.h"
#include "clew/image/video.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

bool has_video_ending(const fs::path& path) {
  constexpr std::array<std::string_view, 6> kEndings = {".avi", ".mp4", ".webm",
                                                        ".mkv", ".mov", ".m4v"};
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::count(kEndings, ending) != 0;
}

bool is_digit_at(const std::string& text, std::size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

/// Digits from `at` on, without leading zeros; advances `at`.
std::string_view number_at(const std::string& text, std::size_t& at) {
  while (at < text.size() && text[at] == '0') ++at;
  const std::size_t begin = at;
  while (is_digit_at(text, at)) ++at;
  return std::string_view(text).substr(begin, at - begin);
}

}  // namespace

bool is_before(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit_at(a, i) && is_digit_at(b, j)) {
      const auto first = number_at(a, i), second = number_at(b, j);
      if (first.size() != second.size()) return first.size() < second.size();
      if (first != second) return first < second;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i, ++j;
    }
  }
  if (i < a.size() || j < b.size()) return j < b.size();
  return a < b;  // "f01" and "f1"
}

std::vector<ClipFolder> list_clips(const fs::path& root) {
  std::vector<fs::path> others;
  std::map<std::string, ClipFolder> classes;
  const auto class_at = [&](const fs::path& folder) -> ClipFolder& {
    auto& one = classes[folder.lexically_relative(root).generic_string()];
    if (one.name.empty()) one.name = folder.lexically_relative(root).generic_string();
    return one;
  };
  for (auto& one : list_classes(root, &others)) {
    const fs::path folder = root / fs::path(one.name);
    if (one.files.empty()) {
      // A class of video files, or empty; empty folders of frames among them are ignored.
      if (one.name.find('/') == std::string::npos) (void)class_at(folder);
      continue;
    }
    CLEW_CHECK(one.name.find('/') != std::string::npos, "the clip '", folder.string(),
               "' belongs to no class: its frames must lie in FOLDER/CLASS/CLIP/");
    std::ranges::sort(one.files, [](const fs::path& a, const fs::path& b) {
      return is_before(a.filename().string(), b.filename().string());
    });
    class_at(folder.parent_path()).clips.push_back({.path = folder, .frames = one.files});
  }
  for (const auto& path : others) {
    if (!has_video_ending(path)) continue;
    CLEW_CHECK(path.lexically_relative(root).has_parent_path(), "the video '", path.string(),
               "' belongs to no class: videos must lie in FOLDER/CLASS/");
    class_at(path.parent_path()).clips.push_back({.path = path, .frames = {}});
  }
  std::vector<ClipFolder> sorted;
  for (auto& [name, one] : classes) {
    std::ranges::sort(one.clips, {}, &Clip::path);
    sorted.push_back(std::move(one));
  }
  return sorted;
}

std::vector<image::Image> read_clip(const Clip& clip, std::size_t most) {
  std::vector<image::Image> frames;
  const auto add = [&](image::Image frame, const fs::path& path) {
    CLEW_CHECK(
        frames.empty() || (frame.width == frames[0].width && frame.height == frames[0].height),
        path.string(), ": frames of a clip must have one size, got ", frames[0].width, "x",
        frames[0].height, " and ", frame.width, "x", frame.height);
    frames.push_back(std::move(frame));
  };
  if (clip.frames.empty()) {
    image::VideoReader reader(clip.path);
    while (frames.size() < most) {
      auto frame = reader.next();
      if (!frame) break;
      add(std::move(*frame), clip.path);
    }
  }
  for (std::size_t i = 0; i < clip.frames.size() && i < most; ++i)
    add(image::read(clip.frames[i]), clip.frames[i]);
  CLEW_CHECK(!frames.empty(), clip.path.string(), ": a clip must have at least one frame");
  return frames;
}

}  // namespace clew::data
