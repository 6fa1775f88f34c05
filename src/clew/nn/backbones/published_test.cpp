// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/published.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <vector>

#include "clew/core/files.h"
#include "clew/nn/backbones/backbone.h"

namespace clew::nn {
namespace published_test {

namespace fs = std::filesystem;

TEST(Published, OneForEachBackbone) {
  std::vector<std::string> names;
  for (const auto& one : published_weights()) {
    names.push_back(one.backbone);
    EXPECT_EQ(one.sha256.size(), 64U) << one.file;
    EXPECT_TRUE(one.file.ends_with("-" + one.sha256.substr(0, 8) + ".pth")) << one.file;
    EXPECT_GT(one.bytes, 10'000'000) << one.file;
    EXPECT_FALSE(one.address.empty() && one.package.empty()) << one.file;
    EXPECT_FALSE(one.licence.empty() || one.origin.empty()) << one.file;
    EXPECT_TRUE(one.top1 > 50 && one.top1 < 90) << one.file;
    EXPECT_EQ(find_published(one.backbone), &one);
  }
  auto wanted = backbone_names();
  std::erase(wanted, "zf");  // published for Caffe alone
  EXPECT_EQ(names, wanted);
  EXPECT_EQ(find_published("resnet81"), nullptr);
}

TEST(Published, AFileOfAnotherSizeIsNotAtHand) {
  const auto folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_published");
  fs::remove_all(folder);
  fs::create_directories(folder);
  const PublishedWeights weights{.backbone = "x", .file = "x.pth", .sha256 = "", .bytes = 3};
  EXPECT_FALSE(at_hand(weights, folder));
  EXPECT_FALSE(at_hand(weights, ""));
  write_file_atomic(folder / "x.pth", std::string_view("ab"));
  EXPECT_FALSE(at_hand(weights, folder));
  write_file_atomic(folder / "x.pth", std::string_view("abc"));
  EXPECT_EQ(at_hand(weights, folder), folder / "x.pth");
  fs::remove_all(folder);
}

}  // namespace published_test
}  // namespace clew::nn
