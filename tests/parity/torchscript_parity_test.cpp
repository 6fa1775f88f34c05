// SPDX-License-Identifier: Apache-2.0
// TorchScript files of ours in Python's torch: it loads them, finds our names and values in them,
// and computes what we compute.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/nn/export/torchscript.h"
#include "clew/nn/weights.h"
#include "clew/warp/digit_network.h"
#include "clew/warp/spatial_transformer.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace torchscript_parity_test {

/// The largest difference between the network and its file in Python, for a batch of another size.
template <class Holder>
double difference_in_python(Holder module, const torch::Tensor& example,
                            const std::string& python) {
  const TestFolder folder;
  module->eval();
  nn::export_torchscript(module, folder / "module.pt", {.examples = {example}});
  nn::save_weights(*module, folder / "state.pth");
  auto shape = example.sizes().vec();
  shape[0] += 3;
  const auto input = torch::randn(shape);
  nn::write_tensors(folder / "input.pth", {{"input", input}});
  run_python(
      python, "check_torchscript.py",
      {folder / "module.pt", folder / "state.pth", folder / "input.pth", folder / "output.pth"});
  const auto output = nn::read_tensors(folder / "output.pth").at(0).second;
  const auto wanted = module->forward(input);
  EXPECT_EQ(output.sizes(), wanted.sizes());
  return (output - wanted).abs().max().template item<double>();
}

struct TorchScriptParity : testing::Test {
  TorchScriptParity() : python(python_with({"torch"})) {}
  void SetUp() override {
    if (!python)
      GTEST_SKIP() << "no Python with torch: install python3-torch or set CLEW_PYTHON to an "
                      "interpreter that has it";
    torch::manual_seed(4);
  }
  std::optional<std::string> python;
};

TEST_F(TorchScriptParity, ConvolutionalNetwork) {
  using namespace torch::nn;
  Sequential module(Conv2d(3, 8, 3), BatchNorm2d(8), ReLU(), MaxPool2d(2), Dropout(), Flatten(),
                    Linear(8 * 3 * 2, 5), LogSoftmax(1));
  for (int i = 0; i < 10; ++i) module->forward(torch::randn({4, 3, 8, 6}) + 0.2);
  EXPECT_LT(difference_in_python(module, torch::randn({2, 3, 8, 6}), *python), 1e-5);
}

TEST_F(TorchScriptParity, FullyConnectedNetwork) {
  using namespace torch::nn;
  Sequential module(Flatten(), Linear(12, 16), Tanh(), Linear(16, 4), Softmax(1));
  EXPECT_LT(difference_in_python(module, torch::randn({2, 3, 4}), *python), 1e-5);
}

TEST_F(TorchScriptParity, SpatialTransformers) {
  using namespace torch::nn;
  for (const auto& [kind, name] : names(warp::TransformKind{})) {
    Sequential localiser(Conv2d(2, 4, 3), ReLU(), Flatten());
    warp::SpatialTransformer module(
        localiser, warp::SpatialTransformerOptions{
                       .transform = kind, .features = 4 * 7 * 6, .output_size = {5, 7}});
    const torch::NoGradGuard no_grad;
    for (auto& parameter : module->parameters())
      parameter.add_(torch::randn_like(parameter) * 0.01);
    EXPECT_LT(difference_in_python(module, torch::randn({2, 2, 9, 8}), *python), 1e-5) << name;
  }
}

TEST_F(TorchScriptParity, DigitNetwork) {
  warp::DigitNetwork module(
      warp::NetworkConfig{
          .transform = warp::TransformKind::kThinPlate, .transformers = 2, .pool = 1},
      warp::DigitShape{});
  EXPECT_LT(difference_in_python(module, torch::rand({2, 1, 42, 42}), *python), 1e-5);
}

}  // namespace torchscript_parity_test
}  // namespace clew::parity
