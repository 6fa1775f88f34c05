// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/gallery.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::warp {
namespace gallery_test {

namespace fs = std::filesystem;

struct Gallery : testing::Test {
  void SetUp() override { fs::create_directories(picture_folder(run_)); }
  void TearDown() override { fs::remove_all(run_); }
  [[nodiscard]] nlohmann::json items() const {
    write_gallery(run_);
    return nlohmann::json::parse(read_file(run_ / "gallery.json", 1 << 20)).at("items");
  }
  fs::path run_ = fs::temp_directory_path() / concat("clew_gallery_test_", ::getpid());
};

TEST_F(Gallery, ListsWhatIsThere) {
  EXPECT_EQ(items(), nlohmann::json::array());
  for (const int step : {1200, 0, 7}) write_file_atomic(warp_picture(run_, step), "");
  for (const char* name : {"warps_7.png", "warps_00000000000x.png", "warps_000000000001.png.1",
                           "swarp_000000000001.png"})
    write_file_atomic(picture_folder(run_) / name, "");
  auto found = items();
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(found[0]["files"],
            (nlohmann::json{"pictures/warps_000000000000.png", "pictures/warps_000000000007.png",
                            "pictures/warps_000000001200.png"}));
  EXPECT_EQ(found[0]["labels"], (nlohmann::json{"step 0", "step 7", "step 1200"}));

  write_file_atomic(mistakes_picture(run_), "");
  found = items();
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[1]["files"], nlohmann::json::array({"pictures/mistakes.png"}));
}

TEST(IsPictured, AQuarterLaterEachTime) {
  std::vector<int> steps;
  for (int step = 0; step <= 40; ++step)
    if (is_pictured(step)) steps.push_back(step);
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 22, 27, 33}));
}

}  // namespace gallery_test
}  // namespace clew::warp
