// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/gallery.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::runs {
namespace gallery_test {

namespace fs = std::filesystem;

struct Gallery : testing::Test {
  void SetUp() override { fs::create_directories(picture_folder(run_)); }
  void TearDown() override { fs::remove_all(run_); }
  fs::path run_ = fs::temp_directory_path() / concat("clew_gallery_test_", ::getpid());
};

TEST_F(Gallery, ListsThePicturesOfAName) {
  EXPECT_TRUE(pictures_of_steps(run_, "warps", "a", "b").files.empty());
  for (const int step : {1200, 0, 7}) write_file_atomic(step_picture(run_, "warps", step), "");
  for (const char* name : {"warps_7.png", "warps_00000000000x.png", "warps_000000000001.png.1",
                           "swarps_000000000001.png"})
    write_file_atomic(picture_folder(run_) / name, "");
  const auto found = pictures_of_steps(run_, "warps", "title", "caption");
  EXPECT_EQ(found.title, "title");
  EXPECT_EQ(found.caption, "caption");
  EXPECT_EQ(found.files, (std::vector<std::string>{"pictures/warps_000000000000.png",
                                                   "pictures/warps_000000000007.png",
                                                   "pictures/warps_000000001200.png"}));
  EXPECT_EQ(found.labels, (std::vector<std::string>{"step 0", "step 7", "step 1200"}));
}

TEST_F(Gallery, ReadsWhatItWrote) {
  EXPECT_TRUE(read_gallery(run_).empty());
  const std::vector<Pictures> gallery = {
      {.title = "A \"b\"",
       .caption = "c\n",
       .files = {"x/1.png", "2.png"},
       .labels = {"one", "two"}},
      {.title = "nothing", .caption = "", .files = {}, .labels = {}}};
  write_gallery(run_, gallery);
  const auto read = read_gallery(run_);
  ASSERT_EQ(read.size(), 1U);  // without those that have no picture
  EXPECT_EQ(read[0].title, gallery[0].title);
  EXPECT_EQ(read[0].caption, gallery[0].caption);
  EXPECT_EQ(read[0].files, gallery[0].files);
  EXPECT_EQ(read[0].labels, gallery[0].labels);
}

TEST_F(Gallery, RefusesWhatDoesNotFit) {
  const auto error = [&](const std::string& files, const std::string& labels) {
    write_file_atomic(run_ / "gallery.json", concat(R"({"items": [{"title": "t", "files": )", files,
                                                    R"(, "labels": )", labels, "}]}"));
    return error_of([&] { (void)read_gallery(run_); });
  };
  const auto name = (run_ / "gallery.json").string();
  for (const char* path : {"../a.png", "/etc/hostname", "", "a/../../b.png"}) {
    EXPECT_EQ(error(concat("[\"", path, "\"]"), "[\"a\"]"),
              concat(name, ": items[0].files[0] must be a path inside the run folder, got \"", path,
                     "\""));
  }
  EXPECT_EQ(error("[\"a.png\"]", "[]"),
            concat(name, ": items[0].labels must be a list of 1, got a list of 0"));
}

TEST(IsPictured, AQuarterLaterEachTime) {
  std::vector<int> steps;
  for (int step = 0; step <= 40; ++step)
    if (is_pictured(step)) steps.push_back(step);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33}));
}

}  // namespace gallery_test
}  // namespace clew::runs
