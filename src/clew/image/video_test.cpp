// SPDX-License-Identifier: Apache-2.0
#include "clew/image/video.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::image {
namespace video_test {

namespace fs = std::filesystem;

struct Videos : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_videos");
  Videos() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Videos() override { fs::remove_all(folder); }

  static Image frame(int i) {
    const auto level = static_cast<std::uint8_t>(20 * i);
    return blank(64, 48, 3, {level, static_cast<std::uint8_t>(255 - level), 100});
  }
  fs::path written(const char* name, int frames = 10) {
    VideoWriter writer(folder / name, 64, 48, 25);
    for (int i = 0; i < frames; ++i) writer.write(frame(i));
    writer.close();
    return folder / name;
  }
};

TEST_F(Videos, FramesComeBackInOrderAndColour) {
  for (const char* name : {"a.avi", "a.mp4"}) {
    const auto path = written(name);
    VideoReader reader(path);
    EXPECT_EQ(reader.info().width, 64) << name;
    EXPECT_EQ(reader.info().height, 48) << name;
    EXPECT_NEAR(reader.info().fps, 25, .01) << name;
    EXPECT_EQ(reader.info().frames, 10) << name;
    for (int i = 0; i < 10; ++i) {
      const auto got = reader.next();
      ASSERT_TRUE(got) << name << i;
      ASSERT_EQ(got->pixels.size(), 64U * 48 * 3);
      const auto wanted = frame(i);
      // Flat colour: what is lost is the rounding of colour spaces and quantisation.
      for (std::size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(got->pixels[3 * 1000 + c], wanted.pixels[c], 8) << name << ' ' << i << ' ' << c;
    }
    EXPECT_FALSE(reader.next()) << name;
    EXPECT_FALSE(reader.next()) << name;
  }
}

TEST_F(Videos, GreyFramesAreWritten) {
  VideoWriter writer(folder / "g.avi", 64, 48, 25);
  writer.write(blank(64, 48, 1, {90}));
  writer.close();
  EXPECT_NEAR(VideoReader(folder / "g.avi").next()->pixels[300], 90, 4);
}

TEST_F(Videos, AnUnfinishedVideoLeavesNothing) {
  { VideoWriter(folder / "b.avi", 64, 48, 25).write(frame(1)); }
  EXPECT_TRUE(fs::is_empty(folder));
}

/// As a full disk: files of this process end at so many bytes while it lives.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(Videos, AFullDiskLeavesNothing) {
  Image noise = blank(64, 48);
  std::uint32_t state = 1;
  for (const char* name : {"a.avi", "a.mp4"}) {
    for (const rlim_t bytes : {rlim_t{0}, rlim_t{100}, rlim_t{100'000}}) {
      const fs::path path = folder / name;
      EXPECT_NE(error_of([&] {
                  const SmallDisk disk(bytes);
                  VideoWriter writer(path, 64, 48, 25);
                  for (int i = 0; i < 100; ++i) {
                    for (auto& value : noise.pixels)
                      value =
                          static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
                    writer.write(noise);
                  }
                  writer.close();
                }).find("cannot write '" + path.string() + "': "),
                std::string::npos)
          << name << bytes;
      EXPECT_TRUE(fs::is_empty(folder)) << name << bytes;
    }
  }
}

TEST_F(Videos, AFileThatCannotHaveItsNameIsRemoved) {
  VideoWriter writer(folder / "a.avi", 64, 48, 25);
  writer.write(frame(0));
  fs::create_directories(folder / "a.avi" / "inside");
  EXPECT_EQ(error_of([&] { writer.close(); }),
            "cannot write '" + (folder / "a.avi").string() + "': Is a directory");
  EXPECT_FALSE(fs::exists(folder / "a.avi.part.avi"));
}

TEST_F(Videos, OneSentencePerError) {
  EXPECT_EQ(error_of([&] { VideoReader(folder / "none.avi"); }).find("cannot read '"), 0U);
  std::ofstream(folder / "text.avi") << "this is text, and long enough to be looked at by a reader";
  EXPECT_EQ(error_of([&] { VideoReader(folder / "text.avi"); }),
            (folder / "text.avi").string() + ": must be an AVI, MP4 or WebM file");
  EXPECT_EQ(error_of([&] { VideoWriter(folder / "a.gif", 64, 48, 25); }),
            (folder / "a.gif").string() + ": a video file must end in .avi or .mp4");
  EXPECT_EQ(error_of([&] { VideoWriter(folder / "a.avi", 63, 48, 25); }),
            "a video's sides must be even and in 2..8192 pixels, got 63x48");
  EXPECT_EQ(error_of([&] { VideoWriter(folder / "a.avi", 64, 48, 0); }),
            "a video must have 1..240 frames a second, got 0");
  for (const char* name : {"a.avi", "a.mp4"}) {
    EXPECT_EQ(error_of([&] { VideoWriter(folder / "no" / name, 64, 48, 25); }),
              "cannot write '" + (folder / "no" / name).string() + "': there is no folder '" +
                  (folder / "no").string() + "'");
  }
  VideoWriter writer(folder / "a.avi", 64, 48, 25);
  EXPECT_EQ(error_of([&] { writer.close(); }),
            (folder / "a.avi").string() + ": a video needs at least one frame");
  EXPECT_EQ(error_of([&] { writer.write(blank(64, 50)); }),
            (folder / "a.avi").string() + ": frames must be 64x48, got 64x50");
  writer.write(frame(0));
  writer.close();
  EXPECT_EQ(error_of([&] { writer.write(frame(0)); }),
            (folder / "a.avi").string() + ": the video is closed");
}

TEST_F(Videos, ACutVideoIsRefused) {
  for (const char* name : {"a.avi", "a.mp4"}) {
    const std::string bytes = read_file(written(name), 1 << 24);
    for (const double share : {.02, .3, .6, .9, .999}) {
      const auto size = static_cast<std::size_t>(share * static_cast<double>(bytes.size()));
      const fs::path cut = folder / (std::string("cut") + fs::path(name).extension().string());
      write_file_atomic(cut, std::string_view(bytes).substr(0, size));
      EXPECT_EQ(error_of([&] { VideoReader reader(cut); }),
                concat(cut.string(), ": the video is cut short (", size, " bytes)"));
    }
  }
}

}  // namespace video_test
}  // namespace clew::image
