// SPDX-License-Identifier: Apache-2.0
// Exchange of weights with Python, a new last layer on pre-trained features, and export to
// TorchScript and ONNX.
#include <torch/torch.h>

#include <iostream>

#include "clew/core/error.h"
#include "clew/nn/export/export.h"
#include "clew/nn/weights.h"

torch::nn::Sequential make_network(int classes) {
  return torch::nn::Sequential(torch::nn::Conv2d(3, 8, 3), torch::nn::BatchNorm2d(8),
                               torch::nn::ReLU(), torch::nn::AdaptiveAvgPool2d(1),
                               torch::nn::Flatten(), torch::nn::Linear(8, classes));
}

int main() {
  torch::manual_seed(1);
  auto old_network = make_network(10);
  clew::nn::save_weights(*old_network, "ten_classes.pth");

  auto network = make_network(3);
  try {
    clew::nn::load_weights(*network, "ten_classes.pth");
  } catch (const clew::Error& error) {
    std::cout << error.what() << '\n';
  }
  const auto report = clew::nn::load_weights(*network, "ten_classes.pth", {.skip = {"5."}});
  std::cout << report.text() << '\n';

  const clew::nn::OnnxOptions options = {
      .name = "three_classes",
      .inputs = {{"images", {-1, 3, 32, 32}, "[B,3,32,32] f32 in [0,1], RGB"}},
      .outputs = {{.name = "scores", .note = "[B,3] f32, raw"}}};
  const auto forward = [&](const std::vector<torch::Tensor>& inputs) {
    return std::vector<torch::Tensor>{network->forward(inputs[0])};
  };
  for (const char* file : {"network.safetensors", "network.pt", "network.onnx"}) {
    clew::nn::export_network(*network, forward, file, options);
    std::cout << file << '\n';
  }
}
