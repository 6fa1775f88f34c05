// SPDX-License-Identifier: Apache-2.0
// Memory that a large file of COCO needs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/box_set.h"

namespace clew::data {
namespace coco_large_test {

namespace fs = std::filesystem;

/// A line of /proc/self/status, bytes; 0 where there is none.
std::size_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(key + ":")) return std::stoul(line.substr(key.size() + 1)) * 1024;
  return 0;
}

TEST(LargeCoco, NeedsThreeTimesTheMemoryOfItsBoxes) {
  const fs::path folder = fs::path(testing::TempDir()) / "clew_large_coco";
  fs::remove_all(folder);
  for (const char* name : {"annotations", "train", "val"}) make_folders(folder / name);
  constexpr int kImages = 200, kEach = 4900;
  std::ofstream(folder / "annotations/instances_val.json")
      << R"({"images":[{"id":1,"file_name":"a.png","width":9,"height":9}]})";
  {
    std::ofstream file(folder / "annotations/instances_train.json", std::ios::binary);
    file << R"({"images":[)";
    for (int i = 0; i < kImages; ++i) {
      file << (i == 0 ? "" : ",") << R"({"id":)" << i << R"(,"file_name":")" << i
           << R"(.png","width":640,"height":480})";
      std::ofstream(folder / "train" / concat(i, ".png")) << "unread";
    }
    file << R"(],"categories":[)"
         << R"({"id":3,"name":"dog"})"
         << R"(],"annotations":[)";
    for (int i = 0; i < kImages * kEach; ++i)
      file << (i == 0 ? "" : ",") << R"({"id":)" << i << R"(,"image_id":)" << i / kEach
           << R"(,"category_id":3,"bbox":[12.25,7.5,103.75,)" << 1 + i % 200
           << R"(.125],"area":3000.5,"iscrowd":0})";
    file << "]}";
  }
  EXPECT_GT(fs::file_size(folder / "annotations/instances_train.json"), 100'000'000U);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const std::size_t before = status_bytes("VmRSS"), peak_before = status_bytes("VmHWM");
  const auto set = read_box_set(folder, Split::kTrain, {.shares = {.validation = 1e-9}});
  const std::size_t peak = status_bytes("VmHWM");
  const std::size_t boxes = std::size_t{kImages} * kEach * sizeof(BoxObject);
  fs::remove_all(folder);
  ASSERT_EQ(set.pictures.size(), std::size_t{kImages});
  EXPECT_EQ(set.pictures.back().objects.size(), std::size_t{kEach});
  if (peak == 0 || peak_before > before + boxes / 4) GTEST_SKIP() << "this system tells no peak";
  EXPECT_LT(peak - before, 3 * boxes);
  RecordProperty("peak_share",
                 std::to_string(static_cast<double>(peak - before) / static_cast<double>(boxes)));
}

}  // namespace coco_large_test
}  // namespace clew::data
