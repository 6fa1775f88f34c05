// SPDX-License-Identifier: Apache-2.0
// Reading of video files and cameras and writing of video files, frame by frame. No sound.
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
  std::int64_t frames = 0;    // as declared by the file; 0: not declared
};

/// True for names that end in .avi, .mp4 or .webm, and for devices such as /dev/video0.
[[nodiscard]] bool is_video(const std::filesystem::path& path);

/// Sequential reader of AVI, MP4 or WebM files with the system OpenCV's codecs; AVI with Motion
/// JPEG always works. Cameras are read by Video4Linux.
class VideoReader {
 public:
  /// A missing file, or not a video: clew::Error naming it.
  explicit VideoReader(const std::filesystem::path& path);
  ~VideoReader();
  VideoReader(const VideoReader&) = delete;
  VideoReader& operator=(const VideoReader&) = delete;

  const VideoInfo& info() const { return info_; }
  /// Next frame [H,W,3] u8 RGB; absent after the last. Blocks.
  std::optional<Image> next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::filesystem::path path_;
  VideoInfo info_;
};

/// Writer of frames of one size. .avi is Motion JPEG, which any OpenCV can write; .mp4 is H.264,
/// for browsers, or MPEG-4 part 2 without x264, and needs an OpenCV with FFmpeg.
class VideoWriter {
 public:
  /// Another extension, a side that is odd or not in 2..8192, a rate not in 1..240, no encoder:
  /// clew::Error.
  VideoWriter(const std::filesystem::path& path, int width, int height, double fps);
  /// Without close(), removes the file.
  ~VideoWriter();
  VideoWriter(const VideoWriter&) = delete;
  VideoWriter& operator=(const VideoWriter&) = delete;

  /// Adds a frame [H,W,3] or [H,W,1] u8.
  void write(const Image& frame);
  /// Finishes the file and renames it from PATH.part.EXTENSION. An incomplete file, as on a full
  /// disk, or a failed rename: clew::Error, and the file is removed.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::filesystem::path path_, part_;
  int width_, height_;
  std::int64_t frames_ = 0;
};

}  // namespace clew::image
