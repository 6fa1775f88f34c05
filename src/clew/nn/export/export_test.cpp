// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/export.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>
#include <unistd.h>

#include <string>

#include "clew/core/error.h"
#include "clew/nn/weights.h"

namespace clew::nn {
namespace export_test {

namespace fs = std::filesystem;

TEST(Export, EveryFormatByItsEnding) {
  const auto folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_export_test");
  fs::remove_all(folder);
  fs::create_directories(folder);
  torch::nn::Sequential module(torch::nn::Linear(3, 2), torch::nn::Softmax(1));
  const ForwardFunction forward = [&](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{module->forward(x.at(0))};
  };
  const OnnxOptions options = {.inputs = {{"features", {-1, 3}}}, .outputs = {{"shares"}}};
  for (const auto& row : names(ExportFormat{}))
    export_network(*module, forward, folder / ("network" + ending_of(row.value)), options);
  const auto x = torch::randn({5, 3});
  for (const char* name : {"network.safetensors", "network.pth"}) {
    torch::nn::Sequential other(torch::nn::Linear(3, 2), torch::nn::Softmax(1));
    load_weights(*other, folder / name);
    EXPECT_TRUE(torch::equal(other->forward(x), module->forward(x))) << name;
  }
  auto script = torch::jit::load((folder / "network.pt").string());
  EXPECT_TRUE(torch::allclose(script.forward({x}).toTensor(), module->forward(x)));
  EXPECT_GT(fs::file_size(folder / "network.onnx"), 100U);
  try {
    export_network(*module, forward, folder / "network.bin", options);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "cannot export to '" + (folder / "network.bin").string() +
                  "': wanted a file that ends in .safetensors, .pth, .pt, .onnx");
  }
  fs::remove_all(folder);
}

TEST(Export, WholeNumbersAreTracedOnMoreThanZeros) {
  const auto path = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_whole.pt");
  torch::nn::Embedding module(2, 3);
  std::vector<torch::Tensor> seen;
  const ForwardFunction forward = [&](const std::vector<torch::Tensor>& x) {
    seen.push_back(x.at(0));
    return std::vector<torch::Tensor>{module->forward(x.at(0))};
  };
  for (const std::int64_t side : {4, 3, 1}) {
    seen.clear();
    export_network(*module, forward, path,
                   {.inputs = {{.name = "words", .shape = {-1, side}, .dtype = torch::kInt64}},
                    .outputs = {{"vectors"}}});
    EXPECT_EQ(seen.at(0).min().item<int>(), 0);
    EXPECT_EQ(seen.at(0).max().item<int>(), 1);
    EXPECT_FALSE(torch::equal(seen.at(0), seen.at(1)));
  }
  fs::remove(path);
}

TEST(Export, FreeHeightAndWidth) {
  const auto folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_export_free");
  fs::remove_all(folder);
  fs::create_directories(folder);
  torch::nn::Sequential module(torch::nn::Conv2d(3, 4, 3), torch::nn::AdaptiveAvgPool2d(1),
                               torch::nn::Flatten(), torch::nn::Linear(4, 2));
  const ForwardFunction forward = [&](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{module->forward(x.at(0))};
  };
  const OnnxOptions options = {.inputs = {{"images", {-1, 3, -2, -2}}}, .outputs = {{"scores"}}};
  for (const char* name : {"network.onnx", "network.pt"}) {
    export_network(*module, forward, folder / name, options);
    EXPECT_TRUE(fs::exists(folder / name)) << name;
  }
  auto script = torch::jit::load((folder / "network.pt").string());
  const auto x = torch::randn({3, 3, 21, 50});
  EXPECT_TRUE(torch::allclose(script.forward({x}).toTensor(), module->forward(x), 1e-5, 1e-6));
  fs::remove_all(folder);
}

}  // namespace export_test
}  // namespace clew::nn
