// SPDX-License-Identifier: Apache-2.0
// Videos as frames, in and out of files. No sound, no streams from cameras.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "clew/image/image.h"

namespace clew::image {

struct VideoInfo {
  int width = 0, height = 0;  // pixels
  double fps = 0;             // frames a second
  std::int64_t frames = 0;    // what the file claims; 0: it does not say
};

/// Reads the frames of an AVI, MP4 or WebM file in order: what the system's OpenCV can decode, AVI
/// with Motion JPEG always.
class VideoReader {
 public:
  /// A missing file or one that is no video: clew::Error naming it.
  explicit VideoReader(const std::filesystem::path& path);
  ~VideoReader();
  VideoReader(const VideoReader&) = delete;
  VideoReader& operator=(const VideoReader&) = delete;

  const VideoInfo& info() const { return info_; }
  /// The next frame [H,W,3] u8 RGB; none after the last. Blocks.
  std::optional<Image> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::filesystem::path path_;
  VideoInfo info_;
};

/// Writes frames of one size. By the ending: .avi is Motion JPEG and needs nothing but OpenCV; .mp4
/// is H.264, which browsers play, or MPEG-4 part 2 without x264, and needs an OpenCV with FFmpeg.
class VideoWriter {
 public:
  /// Another ending, a side that is odd or not in 2..8192, a rate not in 1..240, no encoder:
  /// clew::Error.
  VideoWriter(const std::filesystem::path& path, int width, int height, double fps);
  /// Without close() nothing is left behind.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Adds a frame [H,W,3] or [H,W,1] u8.
  void write(const Image& frame);
  /// Ends the file and gives it its name: until then it is PATH.part.ENDING. A file that did not
  /// become whole, as on a full disk, or that cannot have its name is removed: clew::Error.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::filesystem::path path_, part_;
  int width_, height_;
  std::int64_t frames_ = 0;
};

}  // namespace clew::image
