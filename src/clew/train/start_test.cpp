// SPDX-License-Identifier: Apache-2.0
// Initial weights of backbones; of runs: supervised_run_test.cpp.
#include "clew/train/start.h"

#include <gtest/gtest.h>
#include <stdlib.h>  // setenv
#include <torch/types.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "clew/core/files.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/backbones/published.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace start_test {

namespace fs = std::filesystem;

/// Scope of XDG_CACHE_HOME.
class Cache {
 public:
  explicit Cache(const fs::path& folder) {
    if (const char* before = std::getenv("XDG_CACHE_HOME")) before_ = before;
    ::setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  }
  ~Cache() {
    before_.empty() ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", before_.c_str(), 1);
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

 private:
  std::string before_;
};

struct Starts : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_start");
  Starts() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Starts() override { fs::remove_all(folder); }

  /// Report of load_start of `file` for a backbone with `classes` classes.
  std::string load(const std::string& backbone, std::int64_t classes, const fs::path& file,
                   const std::vector<std::string>& skip = {}) const {
    nn::Backbone network(backbone, nn::BackboneOptions{.classes = classes});
    const StartConfig start{.weights = file.string(), .skip = skip};
    return load_start(*network, start, read_start(start)).text();
  }
  fs::path saved(const std::string& backbone, const std::string& name) const {
    const nn::Backbone network(backbone, nn::BackboneOptions{.classes = 4});
    nn::save_weights(*network, folder / name);
    return folder / name;
  }
};

TEST_F(Starts, OtherClassesLeaveTheLastLayerOut) {
  const auto file = saved("mobilenet_v3_small", "v3.pth");
  EXPECT_EQ(load("mobilenet_v3_small", 4, file).find("another"), std::string::npos);
  const auto said = load("mobilenet_v3_small", 7, file);
  EXPECT_TRUE(said.ends_with(
      "loaded, 2 of another shape (classifier.3.weight: wanted f32 [7,1024], got f32 [4,1024], "
      "classifier.3.bias: wanted f32 [7], got f32 [4])"))
      << said;
}

TEST_F(Starts, OfAnotherNetworkAreRefused) {
  const auto nothing = error_of([&] { load("resnet18", 4, saved("mobilenet_v2", "m.pth")); });
  EXPECT_TRUE(nothing.starts_with(concat("start.weights = '", (folder / "m.pth").string(),
                                         "' has nothing that fits the network; it holds "
                                         "mobilenet_v2 of 4 classes: 0 loaded, 122 missing (")))
      << nothing;
  // Every tensor of ResNet-18 is one of ResNet-34's.
  const auto much = error_of([&] { load("resnet18", 4, saved("resnet34", "r.safetensors")); });
  EXPECT_TRUE(much.starts_with(concat("start.weights = '", (folder / "r.safetensors").string(),
                                      "' is for another network: it holds resnet34 of 4 classes, "
                                      "wanted resnet18: 122 loaded, 96 unexpected (")))
      << much;
}

TEST_F(Starts, NumbersThatAreNoneAreRefusedWhereTheyAreLoaded) {
  nn::Backbone network("mobilenet_v3_small", nn::BackboneOptions{.classes = 4});
  auto state = nn::state_of(*network);
  const torch::NoGradGuard no_grad;
  state[0].second.flatten()[5] = std::nan("");
  state[0].second.flatten()[7] = std::numeric_limits<float>::infinity();
  nn::save_weights(*network, folder / "nan.pth");
  expect_error([&] { load("mobilenet_v3_small", 4, folder / "nan.pth"); },
               concat("start.weights = '", (folder / "nan.pth").string(), "': 2 of ",
                      state[0].second.numel(),
                      " numbers of features.0.0.weight are NaN or "
                      "infinite; start.skip = [\"features.0.0\"] begins that module anew"));
  EXPECT_NE(load("mobilenet_v3_small", 4, folder / "nan.pth", {"features.0.0"}).find("1 skipped"),
            std::string::npos);
}

TEST_F(Starts, TruncatedFilesAreRefused) {
  for (const auto* name : {"w.pth", "w.safetensors"}) {
    const auto file = saved("mobilenet_v3_small", name);
    fs::resize_file(file, fs::file_size(file) - 100);
    const auto error = error_of([&] { load("mobilenet_v3_small", 4, file); });
    EXPECT_TRUE(error.starts_with(file.string() + ": ")) << error;
  }
}

TEST_F(Starts, NamesOfBackbones) {
  const Cache cache(folder);
  const auto resolved = [](const std::string& weights) {
    StartConfig start{.weights = weights};
    resolve_start(start);
    return start.weights;
  };
  EXPECT_EQ(resolved(""), "");
  EXPECT_EQ(resolved("w.pth"), "w.pth");
  EXPECT_EQ(resolved("/nowhere/resnet18"), "/nowhere/resnet18");
  expect_error([&] { resolved("resnet18"); },
               "start.weights = 'resnet18': its weights are not at hand; `clew weights get "
               "resnet18` brings them, 44 MiB");
  expect_error<UsageError>([&] { resolved("resnet81"); },
                           "start.weights = 'resnet81': there is no such file or run folder, and "
                           "no such backbone; did you mean 'resnet18'?");
  expect_error<UsageError>([&] { resolved("zf"); },
                           "start.weights = 'zf': there is no such file or run folder, and no "
                           "weights of that backbone were published");
  const auto& published = *nn::find_published("resnet18");
  make_folders(folder / "clew/weights");
  const auto path = folder / "clew/weights" / published.file;
  write_file_atomic(path, std::string_view("half of it"));
  EXPECT_THROW(resolved("resnet18"), Error);
  fs::resize_file(path, static_cast<std::uintmax_t>(published.bytes));
  EXPECT_EQ(resolved("resnet18"), path.string());
}

}  // namespace start_test
}  // namespace clew::train
