// SPDX-License-Identifier: Apache-2.0
// Published ImageNet weights on photographs: as many ants and bees are called exactly that as PyTorch, with
// Pillow's pictures, calls so. Weights and photographs are not part of the sources: $CLEW_DATA names the folder
// of data sets, beside which the folder `weights` is.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/image_tensor.h"
#include "clew/image/antialias.h"
#include "clew/image/files.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/weights.h"

namespace clew::parity {
namespace weights_parity_test {

namespace fs = std::filesystem;

constexpr std::int64_t kAnt = 310, kBee = 309;  // of ImageNet's 1000 classes

struct Published {
  std::string name, file;
  double top1;  // share, measured with PyTorch 1.13, torchvision 0.14 and Pillow
};

class PublishedWeights : public testing::TestWithParam<Published> {};

TEST_P(PublishedWeights, KnowAntsAndBees) {
  const char* chosen = std::getenv("CLEW_DATA");
  const fs::path data = chosen != nullptr ? chosen : CLEW_DATA_DEFAULT;
  const auto photographs = data / "hymenoptera" / "val",
             weights = data.parent_path() / "weights" / GetParam().file;
  if (!fs::exists(photographs) || !fs::exists(weights))
    GTEST_SKIP() << "no " << photographs << " or no " << weights << ", see CLEW_DATA";
  const torch::NoGradGuard no_grad;
  nn::Backbone network(GetParam().name);
  (void)nn::load_weights(*network, weights);
  network->eval();
  const auto& [channels, resize, crop, is_bicubic] = network->statistics();
  int right = 0, all = 0;
  for (const auto& [folder, wanted] : {std::pair{"ants", kAnt}, std::pair{"bees", kBee}}) {
    std::vector<fs::path> files;
    for (const auto& item : fs::directory_iterator(photographs / folder)) files.push_back(item);
    std::sort(files.begin(), files.end());
    for (std::size_t begin = 0; begin < files.size(); begin += 16) {
      std::vector<torch::Tensor> batch;
      for (std::size_t i = begin; i < std::min(files.size(), begin + 16); ++i) {
        batch.push_back(data::to_tensor(image::resize_and_crop(
            image::read(files[i]), resize, crop,
            is_bicubic ? image::Kernel::kBicubic : image::Kernel::kBilinear)));
      }
      const auto classes = network->forward(torch::stack(batch)).argmax(1);
      right += static_cast<int>(classes.eq(wanted).sum().item<std::int64_t>());
      all += static_cast<int>(batch.size());
    }
  }
  EXPECT_EQ(all, 153);
  std::cout << GetParam().name << ": " << right << " of " << all << '\n';
  // Other decoders of JPEG and other sums of products turn a picture or two.
  EXPECT_NEAR(static_cast<double>(right) / all, GetParam().top1, 0.015);
}

INSTANTIATE_TEST_SUITE_P(
    , PublishedWeights,
    testing::Values(Published{"mobilenet_v2", "mobilenet_v2-b0353104.pth", 0.797},
                    Published{"efficientnet_lite0", "efficientnet-lite0-57934424.pth", 0.843}),
    [](const auto& one) { return one.param.name; });

}  // namespace weights_parity_test
}  // namespace clew::parity
