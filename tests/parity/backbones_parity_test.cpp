// SPDX-License-Identifier: Apache-2.0
// Backbones of ours and torchvision's (EfficientNet-Lite0: PyPI's; ZF: of torch's modules) with the same weights: logits, maps of
// features, gradients and running statistics, and files of weights in both directions.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/weights.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace backbones_parity_test {

/// Numbers in [-1,1) that a hash draws, exactly those of backbones.py.
torch::Tensor formula(torch::IntArrayRef shape, std::int64_t number) {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  constexpr std::int64_t kPeriod = 1048583;  // a prime, beyond which they come again
  auto x = torch::arange(std::min(count, kPeriod)) + number * 7919;
  for (const std::int64_t factor : {0x2545F491, 0x1B873593}) {
    x = (x * factor).remainder(std::int64_t{1} << 30);
    x = x.bitwise_xor(torch::floor_divide(x, std::int64_t{1} << 14));
  }
  return (x.to(torch::kFloat64) / 0x1p29 - 1)
      .repeat({(count + kPeriod - 1) / kPeriod})
      .slice(0, 0, count)
      .view(shape);
}

void fill(const torch::nn::Module& network) {
  const torch::NoGradGuard no_grad;
  std::int64_t number = 0;
  for (auto& [name, tensor] : nn::state_of(network)) {
    const auto own = number++;
    torch::Tensor target = tensor;
    if (name.ends_with("num_batches_tracked")) {
      target.zero_();
      continue;
    }
    auto values = formula(tensor.sizes(), own);
    if (tensor.dim() > 1) {
      values = values * 2 / std::sqrt(static_cast<double>(tensor[0].numel()));
    } else if (name.ends_with("running_var")) {
      values = 1 + 0.5 * values;
    } else if (name.ends_with("weight")) {
      values = 1 + 0.3 * values;
    } else {
      values = 0.1 * values;
    }
    target.copy_(values);
  }
}

/// The largest difference as a share of the largest absolute value.
double difference(const torch::Tensor& got, const torch::Tensor& wanted) {
  EXPECT_EQ(got.sizes(), wanted.sizes());
  if (got.sizes() != wanted.sizes()) return 1;
  return ((got - wanted).abs().max() / wanted.abs().max()).item<double>();
}

struct Size {
  int height, width;
};

class BackboneParity : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const bool is_lite = GetParam() == "efficientnet_lite0";
    python_ = python_with({is_lite ? "efficientnet_lite_pytorch" : "torchvision"});
    if (!python_) {
      GTEST_SKIP() << (is_lite ? no_python_with("efficientnet-lite-pytorch")
                               : "no Python with torchvision: install python3-torchvision or set "
                                 "CLEW_PYTHON to an interpreter that has it");
    }
    torch::manual_seed(1);
  }
  std::optional<std::string> python_;
};

TEST_P(BackboneParity, ValuesGradientsAndStatistics) {
  nn::Backbone network(GetParam(), nn::BackboneOptions{.dropout = 0});
  network->to(torch::kFloat64);
  for (const auto& [height, width] : {Size{64, 64}, Size{96, 128}}) {
    const TestFolder folder;
    const auto printed = run_python(*python_, "backbones.py",
                                    {"compute", GetParam(), std::to_string(height),
                                     std::to_string(width), folder / "theirs.pth"});
    std::map<std::string, torch::Tensor> theirs;
    for (auto& [name, tensor] : nn::read_tensors(folder / "theirs.pth")) theirs[name] = tensor;
    std::ostringstream names;
    for (const auto& [name, tensor] : nn::state_of(*network)) names << name << '\n';
    EXPECT_EQ(names.str(), printed);

    const auto images = 0.5 + 0.5 * formula({2, 3, height, width}, 1);
    std::vector<std::string> maps;
    for (const auto& map : network->feature_maps())
      if (theirs.contains("maps." + map.name)) maps.push_back(map.name);
    EXPECT_GE(maps.size(), 4U);
    fill(*network);
    network->eval();
    {
      const torch::NoGradGuard no_grad;
      EXPECT_LT(difference(network->forward(images), theirs.at("evaluation")), 1e-10);
      const auto values = network->maps(images, maps);
      for (std::size_t i = 0; i < maps.size(); ++i)
        EXPECT_LT(difference(values[i], theirs.at("maps." + maps[i])), 1e-10) << maps[i];
      network->to(torch::kFloat32);
      const auto small = images.to(torch::kFloat32);
      EXPECT_LT(difference(network->forward(small), theirs.at("evaluation_f32")), 1e-4);
      const auto small_values = network->maps(small, maps);
      for (std::size_t i = 0; i < maps.size(); ++i)
        EXPECT_LT(difference(small_values[i], theirs.at("maps_f32." + maps[i])), 1e-4) << maps[i];
      network->to(torch::kFloat64);
      fill(*network);
    }
    network->train();
    network->zero_grad();
    const auto output = network->forward(images);
    EXPECT_LT(difference(output, theirs.at("training")), 1e-10);
    (output * formula(output.sizes(), 5)).sum().backward();
    std::int64_t number = 0;
    double largest = 0;
    for (const auto& item : network->named_parameters())
      largest = std::max(largest, theirs.at("gradients." + item.key())[1].item<double>());
    for (const auto& item : network->named_parameters()) {
      const auto& grad = item.value().grad();
      const auto wanted = theirs.at("gradients." + item.key());
      const auto got =
          torch::stack({(grad * formula(grad.sizes(), number++)).sum(), grad.norm(), grad.sum()});
      // Sums over n numbers of the size of norm / sqrt(n). A bias before a batch norm has no gradient but
      // what is left over of sums that cancel.
      const double scale = std::max(wanted[1].item<double>(), 1e-4 * largest) *
                           std::sqrt(static_cast<double>(grad.numel()));
      EXPECT_LT(((got - wanted).abs().max() / scale).item<double>(), 1e-8) << item.key();
    }
    for (const auto& item : network->named_buffers())
      EXPECT_LT(difference(item.value().to(torch::kFloat64), theirs.at("buffers." + item.key())),
                1e-10)
          << item.key();
  }
}

TEST_P(BackboneParity, TheyLoadWhatWeWrite) {
  const TestFolder folder;
  nn::Backbone network(GetParam());
  network->eval();
  const auto images = torch::rand({2, 3, 64, 96});
  nn::save_weights(*network, folder / "ours.pth");
  nn::write_tensors(folder / "in.pth", {{"input", images}});
  run_python(*python_, "backbones.py",
             {"load", GetParam(), folder / "ours.pth", folder / "in.pth", folder / "out.pth"});
  const torch::NoGradGuard no_grad;
  EXPECT_LT(difference(network->forward(images), nn::read_tensors(folder / "out.pth").at(0).second),
            1e-4);
}

INSTANTIATE_TEST_SUITE_P(, BackboneParity, testing::ValuesIn(nn::backbone_names()),
                         [](const auto& name) { return name.param; });

}  // namespace backbones_parity_test
}  // namespace clew::parity
