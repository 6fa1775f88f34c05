// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/clips.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/image/video.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace clips_test {

namespace fs = std::filesystem;

struct Clips : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_clips");
  Clips() { fs::remove_all(folder); }
  ~Clips() override { fs::remove_all(folder); }

  void picture(const std::string& name, std::uint8_t grey = 0, int width = 4) const {
    fs::create_directories((folder / name).parent_path());
    image::write(folder / name, image::blank(width, 4, 3, {grey, grey, grey}));
  }
  void video(const std::string& name, int frames) const {
    fs::create_directories((folder / name).parent_path());
    image::VideoWriter writer(folder / name, 16, 8, 25);
    for (int i = 0; i < frames; ++i) writer.write(image::blank(16, 8, 3, {200, 0, 0}));
    writer.close();
  }
  std::string fault(const std::function<void()>& call) const {
    std::string text = error_of(call);
    if (const auto at = text.find(folder.string()); at != std::string::npos)
      text.replace(at, folder.string().size(), "F");
    return text;
  }
};

TEST_F(Clips, AreVideosOrFoldersOfFramesByClass) {
  video("walk/b.avi", 3);
  for (const int i : {10, 2, 1})
    picture("walk/a/f" + std::to_string(i) + ".png", static_cast<std::uint8_t>(i));
  picture("sport/dive/1/7.png");
  picture("sport/dive/.thumbs/7.png");
  fs::create_directories(folder / "none");
  write_file_atomic(folder / "README", std::string_view("no clip"));
  const auto classes = list_clips(folder);
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[0].name, "none");
  EXPECT_TRUE(classes[0].clips.empty());
  EXPECT_EQ(classes[1].name, "sport/dive");
  EXPECT_EQ(classes[1].clips.size(), 1U);
  EXPECT_EQ(classes[2].name, "walk");
  ASSERT_EQ(classes[2].clips.size(), 2U);
  EXPECT_EQ(classes[2].clips[0].path, folder / "walk/a");
  EXPECT_EQ(classes[2].clips[1].path, folder / "walk/b.avi");

  const auto frames = read_clip(classes[2].clips[0]);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].pixels[0], 1);
  EXPECT_EQ(frames[1].pixels[0], 2);
  EXPECT_EQ(frames[2].pixels[0], 10);
  EXPECT_EQ(read_clip(classes[2].clips[0], 2).size(), 2U);
  const auto film = read_clip(classes[2].clips[1]);
  ASSERT_EQ(film.size(), 3U);
  EXPECT_EQ(film[0].width, 16);
  EXPECT_NEAR(film[2].pixels[0], 200, 6);  // JPEG
  EXPECT_EQ(read_clip(classes[2].clips[1], 1).size(), 1U);
}

TEST_F(Clips, OneSentencePerError) {
  fs::create_directories(folder);
  video("loose.avi", 1);
  EXPECT_EQ(fault([&] { (void)list_clips(folder); }),
            "the video 'F/loose.avi' belongs to no class: videos must lie in FOLDER/CLASS/");
  fs::remove(folder / "loose.avi");
  picture("a/1.png");
  picture("a/2.png", 0, 5);
  EXPECT_EQ(fault([&] { (void)list_clips(folder); }),
            "the clip 'F/a' belongs to no class: its frames must lie in FOLDER/CLASS/CLIP/");
  EXPECT_EQ(
      fault([&] {
        (void)read_clip({.path = folder / "a", .frames = {folder / "a/1.png", folder / "a/2.png"}});
      }),
      "F/a/2.png: frames of a clip must have one size, got 4x4 and 5x4");
  EXPECT_EQ(fault([&] { (void)list_clips(folder / "no"); }),
            "'F/no' must be a folder of pictures: No such file or directory");
}

TEST(IsBefore, TakesDigitsForNumbers) {
  EXPECT_TRUE(is_before("f2.png", "f10.png"));
  EXPECT_FALSE(is_before("f10.png", "f2.png"));
  EXPECT_TRUE(is_before("f009", "f10"));
  EXPECT_TRUE(is_before("a1b2", "a1b10"));
  EXPECT_TRUE(is_before("a", "a1"));
  EXPECT_TRUE(is_before("f01", "f1"));
  EXPECT_FALSE(is_before("f1", "f01"));
  EXPECT_FALSE(is_before("f1", "f1"));
  EXPECT_TRUE(is_before("99999999999999999999998", "99999999999999999999999"));
}

}  // namespace clips_test
}  // namespace clew::data
