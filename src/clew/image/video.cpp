// SPDX-License-Identifier: Apache-2.0
#include "clew/image/video.h"

#include <cmath>
#include <fstream>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <system_error>

#include "clew/core/error.h"
#include "clew/image/container.h"
#include "clew/image/mat.h"

namespace clew::image {
namespace {

namespace fs = std::filesystem;

/// Silences OpenCV's messages on stderr; errors are exceptions.
class Silence {
 public:
  Silence() : before_(cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT)) {}
  ~Silence() { cv::utils::logging::setLogLevel(before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  cv::utils::logging::LogLevel before_;
};

/// Refuses files that OpenCV would print about.
void check_container(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code code;
  const std::uint64_t size = fs::file_size(path, code);
  CLEW_CHECK(file && !code, "cannot read '", path.string(), "'");
  const Container container = look_at_container(file, size);
  CLEW_CHECK(container != Container::kUnknown, path.string(), ": must be an AVI, MP4 or WebM file");
  CLEW_CHECK(container == Container::kWhole, path.string(), ": the video is cut short (", size,
             " bytes)");
}

/// True if the lengths in the file match its size.
bool is_written(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code code;
  const std::uint64_t size = fs::file_size(path, code);
  return file && !code && size > 0 && look_at_container(file, size) == Container::kWhole &&
         look_at_container(file, size - 1) == Container::kCutShort;
}

/// Codec of an extension.
struct Codec {
  const char* ending;
  const char* code;
  int backend;
};
constexpr Codec kCodecs[] = {
    {".avi", "MJPG", cv::CAP_OPENCV_MJPEG},
    {".mp4", "avc1", cv::CAP_FFMPEG},
    {".mp4", "mp4v", cv::CAP_FFMPEG},
};

}  // namespace

struct VideoReader::Impl {
  cv::VideoCapture capture;
  cv::Mat bgr;
};

bool is_video(const fs::path& path) {
  const auto ending = path.extension();
  std::error_code ignored;
  return ending == ".avi" || ending == ".mp4" || ending == ".webm" ||
         fs::is_character_file(path, ignored);
}

VideoReader::VideoReader(const fs::path& path) : impl_(std::make_unique<Impl>()), path_(path) {
  std::error_code code;
  const bool is_camera = fs::is_character_file(path, code);
  CLEW_CHECK(is_camera || fs::is_regular_file(path, code), "cannot read '", path.string(),
             "': ", code ? code.message() : "it is no file");
  if (!is_camera) check_container(path);
  const Silence silence;
  bool is_open = false;
  try {
    // OpenCV's own Motion JPEG is in every build.
    is_open = is_camera ? impl_->capture.open(path.string(), cv::CAP_V4L2)
                        : impl_->capture.open(path.string(), cv::CAP_FFMPEG) ||
                              impl_->capture.open(path.string(), cv::CAP_OPENCV_MJPEG);
  } catch (const cv::Exception&) {  // the error below
  }
  CLEW_CHECK(is_open, path.string(),
             is_camera ? ": is no camera that this OpenCV can read"
                       : ": is no video that this OpenCV can read");
  const auto property = [this](int what) {
    const double value = impl_->capture.get(what);
    return std::isfinite(value) && value > 0 ? value : 0;
  };
  info_ = {.width = static_cast<int>(property(cv::CAP_PROP_FRAME_WIDTH)),
           .height = static_cast<int>(property(cv::CAP_PROP_FRAME_HEIGHT)),
           .fps = property(cv::CAP_PROP_FPS),
           .frames = static_cast<std::int64_t>(property(cv::CAP_PROP_FRAME_COUNT))};
  CLEW_CHECK(info_.width >= 1 && info_.height >= 1, path.string(), ": the video has no pictures");
}
VideoReader::~VideoReader() = default;

std::optional<Image> VideoReader::next() {
  const Silence silence;
  try {
    if (!impl_->capture.read(impl_->bgr) || impl_->bgr.empty()) return std::nullopt;
  } catch (const cv::Exception& error) {
    throw Error(concat(path_.string(), ": a frame is damaged: ", error.err));
  }
  CLEW_CHECK(impl_->bgr.type() == CV_8UC3, path_.string(),
             ": frames must be 8-bit colour, got OpenCV's type ", impl_->bgr.type());
  Image frame = same_kind(Image{}, impl_->bgr.cols, impl_->bgr.rows);
  cv::Mat rgb = view(frame);
  cv::cvtColor(impl_->bgr, rgb, cv::COLOR_BGR2RGB);
  return frame;
}

struct VideoWriter::Impl {
  cv::VideoWriter writer;
  cv::Mat bgr;
};

VideoWriter::VideoWriter(const fs::path& path, int width, int height, double fps)
    : impl_(std::make_unique<Impl>()), path_(path), width_(width), height_(height) {
  const std::string ending = path.extension().string();
  CLEW_CHECK(ending == ".avi" || ending == ".mp4", path.string(),
             ": a video file must end in .avi or .mp4");
  CLEW_CHECK(width >= 2 && width <= 8192 && height >= 2 && height <= 8192 && width % 2 == 0 &&
                 height % 2 == 0,
             "a video's sides must be even and in 2..8192 pixels, got ", width, "x", height);
  CLEW_CHECK(fps >= 1 && fps <= 240, "a video must have 1..240 frames a second, got ", fps);
  part_ = path;
  part_ += ".part" + ending;
  const Silence silence;
  bool is_open = false;
  for (const auto& [of, c, backend] : kCodecs) {
    if (ending != of || is_open) continue;
    try {
      is_open = impl_->writer.open(part_.string(), backend,
                                   cv::VideoWriter::fourcc(c[0], c[1], c[2], c[3]), fps,
                                   {width, height}, true);
    } catch (const cv::Exception&) {  // the next one, or the error below
    }
  }
  if (!is_open) {
    std::error_code ignored;
    fs::remove(part_, ignored);
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    CLEW_CHECK(fs::is_directory(folder, ignored), "cannot write '", path.string(),
               "': there is no folder '", folder.string(), "'");
    throw Error(concat("cannot write '", path.string(), "': this OpenCV has no encoder for ",
                       ending, ", or the folder is not writable; .avi needs no encoder"));
  }
}

VideoWriter::~VideoWriter() {
  if (!impl_) return;
  impl_.reset();
  std::error_code ignored;
  fs::remove(part_, ignored);
}

void VideoWriter::write(const Image& frame) {
  CLEW_CHECK(impl_, path_.string(), ": the video is closed");
  check(frame, "VideoWriter");
  CLEW_CHECK(frame.width == width_ && frame.height == height_, path_.string(), ": frames must be ",
             width_, "x", height_, ", got ", frame.width, "x", frame.height);
  cv::cvtColor(view(frame), impl_->bgr,
               frame.channels == 3 ? cv::COLOR_RGB2BGR : cv::COLOR_GRAY2BGR);
  const Silence silence;
  try {
    impl_->writer.write(impl_->bgr);
  } catch (const cv::Exception& error) {
    throw Error(concat("cannot write '", path_.string(), "': ", error.err));
  }
  ++frames_;
}

void VideoWriter::close() {
  CLEW_CHECK(impl_, path_.string(), ": the video is closed");
  CLEW_CHECK(frames_ >= 1, path_.string(), ": a video needs at least one frame");
  impl_.reset();  // OpenCV writes the rest, without reporting errors
  const bool is_whole = is_written(part_);
  std::error_code code, ignored;
  if (is_whole) fs::rename(part_, path_, code);
  if (is_whole && !code) return;
  fs::remove(part_, ignored);
  throw Error(concat("cannot write '", path_.string(), "': ",
                     is_whole ? code.message() : "the video is not whole; is the disk full?"));
}

}  // namespace clew::image
