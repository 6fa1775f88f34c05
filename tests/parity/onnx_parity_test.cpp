// SPDX-License-Identifier: Apache-2.0
// ONNX files of ours in other people's runtimes: OpenCV's, which every build has, and ONNX Runtime
// with ONNX's checker, where a Python can import them. Both must compute what LibTorch computes.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstring>
#include <filesystem>
#include <opencv2/dnn.hpp>

#include "clew/core/error.h"
#include "clew/nn/export/onnx.h"
#include "clew/nn/weights.h"
#include "clew/warp/digit_network.h"
#include "clew/warp/spatial_transformer.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace onnx_parity_test {

using nn::OnnxGraph;
using nn::OnnxValue;

// Sums of some hundred products of numbers around 1 differ by their order.
constexpr double kTolerance = 1e-5;

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return a.sizes() == b.sizes() ? (a - b).abs().max().item<double>() : 1;
}

/// Every kind of layer that both runtimes know; OpenCV 4.6 has no Clip with limits as
/// inputs and no count_include_pad.
torch::nn::Sequential convolutional() {
  using namespace torch::nn;
  return Sequential(
      Conv2d(Conv2dOptions(3, 8, 3).padding(1)), BatchNorm2d(8), ReLU(),
      MaxPool2d(MaxPool2dOptions(3).stride(2).padding(1)),
      Conv2d(Conv2dOptions(8, 8, 3).groups(4).dilation(2).padding(torch::kSame).bias(false)),
      LeakyReLU(LeakyReLUOptions().negative_slope(0.1)), Dropout2d(),
      AvgPool2d(AvgPool2dOptions(2)),
      ConvTranspose2d(ConvTranspose2dOptions(8, 6, 4).stride(2).padding(1)), Sigmoid(),
      Conv2d(Conv2dOptions(6, 4, {3, 1}).stride({1, 2})), Tanh(), ELU(),
      AdaptiveAvgPool2d(AdaptiveAvgPool2dOptions({2, 1})), Flatten(), Dropout(), Linear(8, 5),
      LogSoftmax(1));
}

torch::nn::Sequential fully_connected() {
  using namespace torch::nn;
  return Sequential(Flatten(), Linear(2 * 6 * 6, 32), ReLU(), BatchNorm1d(32),
                    Linear(LinearOptions(32, 16).bias(false)), Tanh(), Linear(16, 10), Softmax(1));
}

/// A spatial transformer before a convolution.
struct Transformer : torch::nn::Module, nn::OnnxConvertible {
  explicit Transformer(nn::OnnxSampling how) : sampling(std::move(how)) {
    using namespace torch::nn;
    localiser =
        register_module("localiser", Sequential(Conv2d(Conv2dOptions(2, 4, 3)), ReLU(),
                                                MaxPool2d(2), Flatten(), Linear(4 * 3 * 4, 6)));
    features = register_module("features", Conv2d(2, 3, 3));
    bias = register_buffer("bias", torch::tensor({0.9F, 0.2F, 0.1F, -0.3F, 1.2F, 0.F}));
  }

  torch::Tensor forward(const torch::Tensor& images) {
    const auto theta = (localiser->forward(images) * 0.3 + bias).view({-1, 2, 3});
    const auto grid =
        torch::affine_grid_generator(theta, {images.size(0), 2, 7, 6}, sampling.align_corners);
    const std::int64_t mode = sampling.mode == "bilinear" ? 0 : sampling.mode == "nearest" ? 1 : 2;
    const std::int64_t border = sampling.border == "zeros"    ? 0
                                : sampling.border == "border" ? 1
                                                              : 2;
    return features->forward(
        torch::grid_sampler(images, grid, mode, border, sampling.align_corners));
  }

  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    const auto numbers = nn::onnx_child(graph, "localiser", *localiser, inputs.at(0));
    const auto scaled = graph.mul(numbers, graph.constant(torch::tensor(0.3F), "share"));
    const auto theta = graph.reshape(graph.add(scaled, graph.constant(bias, "bias")), {-1, 2, 3});
    const auto grid = graph.affine_grid(theta, 7, 6, sampling.align_corners);
    return {nn::onnx_child(graph, "features", *features,
                           graph.grid_sample(inputs.at(0), grid, sampling))};
  }

  nn::OnnxSampling sampling;
  torch::nn::Sequential localiser{nullptr};
  torch::nn::Conv2d features{nullptr};
  torch::Tensor bias;
};

/// The operators that no layer uses, with two inputs and two outputs.
struct Operators : torch::nn::Module, nn::OnnxConvertible {
  static std::vector<torch::Tensor> compute(const torch::Tensor& x, const torch::Tensor& y) {
    const auto positive = x.abs() + 0.5;
    const auto numbers = positive.log() * (-y).exp() / positive.sqrt() - torch::max(x, y);
    const auto turned = torch::cat({numbers, torch::min(x, y)}, 1).permute({0, 2, 3, 1});
    const auto part = turned.slice(2, 1, 4).clamp(-1.5, 2.5).softmax(-1);
    return {part.mean({1, 2}), torch::matmul(x, y.transpose(2, 3)).to(torch::kInt64)};
  }
  std::vector<OnnxValue> to_onnx(OnnxGraph& g,
                                 const std::vector<OnnxValue>& inputs) const override {
    const auto& x = inputs.at(0);
    const auto& y = inputs.at(1);
    const auto positive = g.add(g.abs(x), g.constant(torch::tensor(0.5F), "half"));
    const auto numbers =
        g.sub(g.div(g.mul(g.log(positive), g.exp(g.neg(y))), g.sqrt(positive)), g.max(x, y));
    const auto turned = g.transpose(g.concat({numbers, g.min(x, y)}, 1), {0, 2, 3, 1});
    const auto part = g.softmax(g.clip(g.slice(turned, 2, 1, 4), -1.5, 2.5), -1);
    return {g.reduce_mean(part, {1, 2}, false),
            g.cast(g.matmul(x, g.transpose(y, {0, 1, 3, 2})), torch::kInt64)};
  }
};

/// Moves the running statistics away from 0 and 1, then chooses inference.
void settle(torch::nn::Sequential& module, const torch::Tensor& input) {
  for (int i = 0; i < 20; ++i) module->forward(input + 0.1 * i);
  module->eval();
}

/// What OpenCV computes from a file.
torch::Tensor in_opencv(const std::string& model, const torch::Tensor& input) {
  auto net = cv::dnn::readNetFromONNX(model.data(), model.size());
  const auto copy = input.contiguous();
  const std::vector<int> sides(copy.sizes().begin(), copy.sizes().end());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  net.setInput(cv::Mat(sides, CV_32F, copy.data_ptr()));
  const cv::Mat result = net.forward().clone();
  std::vector<std::int64_t> shape(result.size.p, result.size.p + result.dims);
  return torch::from_blob(result.data, shape).clone();
}

TEST(OnnxParity, OpenCvComputesTheSame) {
  torch::manual_seed(5);
  const auto images = torch::randn({1, 3, 16, 12}), small = torch::randn({1, 2, 6, 6});
  auto conv = convolutional(), full = fully_connected();
  settle(conv, torch::randn({4, 3, 16, 12}));
  settle(full, torch::randn({4, 2, 6, 6}));
  const auto conv_file =
      nn::to_onnx(*conv, {.inputs = {{"x", {1, 3, 16, 12}}}, .outputs = {{"y"}}});
  EXPECT_LT(distance(in_opencv(conv_file, images), conv->forward(images)), kTolerance);
  const auto full_file = nn::to_onnx(*full, {.inputs = {{"x", {1, 2, 6, 6}}}, .outputs = {{"y"}}});
  EXPECT_LT(distance(in_opencv(full_file, small), full->forward(small)), kTolerance);
}

struct OnnxRuntime : testing::Test {
  OnnxRuntime() : python(python_with({"onnxruntime", "onnx", "numpy"})) {}
  void SetUp() override {
    if (!python) GTEST_SKIP() << no_python_with("onnxruntime and onnx");
  }
  /// Files a model and its inputs; they are run together, because a Python takes a second to start.
  void add(torch::nn::Module& module, const nn::ForwardFunction& forward,
           const nn::OnnxOptions& options, const nn::NamedTensors& inputs) {
    const auto name = (folder / std::to_string(names.size())).string();
    nn::export_onnx(module, forward, name + ".onnx", options);
    nn::write_tensors(name + ".in.safetensors", inputs);
    names.push_back(name);
  }
  /// The last model again, on another input.
  void add_again(const torch::Tensor& input, const torch::Tensor& result, const std::string& what) {
    const auto name = (folder / std::to_string(names.size())).string();
    std::filesystem::copy(names.back() + ".onnx", name + ".onnx");
    nn::write_tensors(name + ".in.safetensors", {{"x", input}});
    names.push_back(name);
    wanted.emplace_back(what, result);
  }
  /// With one input and output, a batch of any size, and what the outputs must be.
  template <class Holder>
  void add(Holder module, const torch::Tensor& input, const std::string& what) {
    auto shape = input.sizes().vec();
    shape[0] = -1;
    add(module, input, what, shape);
  }
  template <class Holder>
  void add(Holder module, const torch::Tensor& input, const std::string& what,
           const std::vector<std::int64_t>& shape) {
    const auto forward = [&](const std::vector<torch::Tensor>& inputs) {
      return std::vector<torch::Tensor>{module->forward(inputs.at(0))};
    };
    add(*module, forward, {.inputs = {{"x", shape}}, .outputs = {{"y"}}}, {{"x", input}});
    wanted.emplace_back(what, module->forward(input));
  }
  nn::NamedTensors results(std::size_t index) const {
    return nn::read_tensors(names.at(index) + ".out.safetensors");
  }
  void run() { run_python(*python, "check_onnx.py", names); }
  void run_and_compare() {
    run();
    if (HasFailure()) return;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_LT(distance(results(i).at(0).second, wanted[i].second), kTolerance) << wanted[i].first;
  }

  std::vector<std::string> names;
  nn::NamedTensors wanted;
  std::optional<std::string> python;
  TestFolder folder;
};

TEST_F(OnnxRuntime, ConvolutionalNetwork) {
  torch::manual_seed(5);
  auto module = convolutional();
  const auto images = torch::randn({3, 3, 16, 12});
  settle(module, images);
  add(module, images, "module");
  run_and_compare();
}

TEST_F(OnnxRuntime, FullyConnectedNetwork) {
  torch::manual_seed(6);
  auto module = fully_connected();
  const auto images = torch::randn({3, 2, 6, 6});
  settle(module, images);
  add(module, images, "module");
  run_and_compare();
}

TEST_F(OnnxRuntime, LayersOnOtherRanks) {
  using namespace torch::nn;
  torch::manual_seed(7);
  Sequential rows(Linear(4, 3), Flatten(FlattenOptions().start_dim(2)), Conv1d(5, 2, 3));
  const auto x = torch::randn({3, 5, 4, 4});
  add(rows, x, "rows");
  Sequential volumes(Conv3d(Conv3dOptions(2, 3, 3).padding(1)), MaxPool3d(2), ReLU6(), Flatten());
  const auto v = torch::randn({2, 2, 4, 6, 4});
  add(volumes, v, "volumes");
  Sequential padded(AvgPool2d(AvgPool2dOptions(3).stride(2).padding(1)),
                    AvgPool2d(AvgPool2dOptions(2).stride(1).padding(1).count_include_pad(false)));
  const auto odd = torch::randn({2, 3, 7, 9});
  add(padded, odd, "padded");
  Sequential larger(
      Upsample(UpsampleOptions()
                   .scale_factor(std::vector<double>{3, 3})
                   .mode(torch::kBilinear)
                   .align_corners(false)),
      Upsample(UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest)));
  const auto image = torch::randn({2, 3, 4, 5});
  add(larger, image, "larger");
  run_and_compare();
}

TEST_F(OnnxRuntime, SpatialTransformerOfEveryKind) {
  torch::manual_seed(8);
  const auto images = torch::randn({3, 2, 9, 11});
  for (const char* mode : {"bilinear", "nearest", "bicubic"}) {
    for (const char* border : {"zeros", "border", "reflection"}) {
      for (const bool align_corners : {false, true}) {
        auto module = std::make_shared<Transformer>(nn::OnnxSampling{mode, border, align_corners});
        add(module, images, clew::concat(mode, " ", border, " ", align_corners));
      }
    }
  }
  run_and_compare();
}

/// Moves every parameter a little, so that transformers do not stand still.
void stir(torch::nn::Module& module, double by) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : module.parameters()) parameter.add_(torch::randn_like(parameter) * by);
  module.eval();
}

TEST_F(OnnxRuntime, OurSpatialTransformers) {
  torch::manual_seed(10);
  const auto images = torch::rand({3, 2, 9, 8});
  for (const auto& [kind, name] : warp::names(warp::TransformKind{})) {
    torch::nn::Sequential localiser(torch::nn::Conv2d(2, 4, 3), torch::nn::ReLU());
    warp::SpatialTransformerOptions options = {.transform = kind, .features = 4 * 7 * 6};
    if (kind != warp::TransformKind::kAffine) options.output_size = {5, 7};
    options.sample.align_corners = kind == warp::TransformKind::kThinPlate;
    warp::SpatialTransformer module(localiser, options);
    stir(*module, 0.02);
    add(module, images, std::string(name));
  }
  run_and_compare();
}

TEST_F(OnnxRuntime, OurDigitNetworks) {
  torch::manual_seed(11);
  const auto images = torch::rand({3, 2, 42, 42});
  for (const auto& [body, name] : warp::names(warp::BodyKind{})) {
    const warp::NetworkConfig config = {
        .body = body, .transformers = 2, .pool = body == warp::BodyKind::kCnn ? 1 : 2};
    warp::DigitNetwork module(config, warp::DigitShape{.channels = 2, .classes = 19});
    stir(*module, 0.005);
    add(module, images, std::string(name));
  }
  run_and_compare();
}

TEST_F(OnnxRuntime, OperatorsWithoutALayer) {
  torch::manual_seed(9);
  const auto x = torch::randn({3, 2, 4, 5}) * 3, y = torch::randn({3, 2, 4, 5});
  const nn::OnnxOptions options = {.description = "two and two",
                                   .inputs = {{"x", {-1, 2, 4, 5}}, {"y", {-1, 2, 4, 5}}},
                                   .outputs = {{"first"}, {"second"}},
                                   .metadata = {{"classes", "a b"}}};
  Operators module;
  add(module, [](const auto& inputs) { return Operators::compute(inputs.at(0), inputs.at(1)); },
      options, {{"x", x}, {"y", y}});
  run();
  const auto got = results(0);
  const auto computed = Operators::compute(x, y);
  EXPECT_LT(distance(got.at(0).second, computed[0]), kTolerance);
  EXPECT_EQ(got.at(1).second.scalar_type(), torch::kInt64);
  EXPECT_LT(distance(got.at(1).second, computed[1]), kTolerance);
}

/// Layers of networks of today, with what LibTorch has only as functions.
struct Activations : torch::nn::Module, nn::OnnxConvertible {
  Activations() {
    using namespace torch::nn;
    layers = register_module(
        "layers", Sequential(Conv2d(Conv2dOptions(3, 12, 3).stride(2).padding(1)), GroupNorm(4, 12),
                             SiLU(), Conv2d(12, 6, 3), GELU(), GroupNorm(1, 6),
                             GELU(GELUOptions().approximate("tanh")), MaxPool2d(2)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = layers->forward(x * 4 - 2) * 2 - 3;
    return torch::cat({torch::hardswish(y), y * torch::hardsigmoid(y.mean({2, 3}, true))}, 1);
  }
  std::vector<OnnxValue> to_onnx(OnnxGraph& g,
                                 const std::vector<OnnxValue>& inputs) const override {
    const auto number = [&](float value) { return g.constant(torch::tensor(value), "number"); };
    const auto x = g.sub(g.mul(inputs.at(0), number(4)), number(2));
    const auto y = g.sub(g.mul(nn::onnx_child(g, "layers", *layers, x), number(2)), number(3));
    const auto gate = g.hard_sigmoid(g.global_average_pool(y));
    return {g.concat({g.hard_swish(y), g.mul(y, gate)}, 1)};
  }
  torch::nn::Sequential layers{nullptr};
};

TEST_F(OnnxRuntime, ActivationsAndNorms) {
  torch::manual_seed(12);
  auto module = std::make_shared<Activations>();
  stir(*module, 0.05);
  add(module, torch::rand({3, 3, 16, 20}), "of a fixed size");
  torch::nn::Sequential rows(
      torch::nn::LayerNorm(torch::nn::LayerNormOptions({4})), torch::nn::Linear(4, 6),
      torch::nn::LayerNorm(torch::nn::LayerNormOptions({5, 6}).elementwise_affine(false)));
  stir(*rows, 0.2);
  add(rows, torch::randn({2, 5, 4}), "rows");
  torch::nn::Sequential vectors(torch::nn::GroupNorm(2, 8));
  stir(*vectors, 0.2);
  add(vectors, torch::randn({3, 8}), "vectors");
  run_and_compare();
}

// One file, two sizes.
TEST_F(OnnxRuntime, FreeHeightAndWidth) {
  torch::manual_seed(13);
  const std::vector<std::int64_t> shape = {-1, 3, -2, -2};
  const auto first = torch::rand({2, 3, 40, 36}), second = torch::rand({1, 3, 33, 71});
  auto activations = std::make_shared<Activations>();
  stir(*activations, 0.05);
  add(activations, first, "activations", shape);
  add_again(second, activations->forward(second), "activations again");
  using namespace torch::nn;
  Sequential module(Conv2d(Conv2dOptions(3, 8, 3).stride(2).padding(1)), BatchNorm2d(8), ReLU(),
                    MaxPool2d(MaxPool2dOptions(3).stride(2).padding(1)),
                    Upsample(UpsampleOptions()
                                 .scale_factor(std::vector<double>{2, 2})
                                 .mode(torch::kBilinear)
                                 .align_corners(false)),
                    ConvTranspose2d(ConvTranspose2dOptions(8, 6, 4).stride(2).padding(1)),
                    AvgPool2d(AvgPool2dOptions(3).stride(2).padding(1)), Sigmoid());
  settle(module, first);
  add(module, first, "image to image", shape);
  add_again(second, module->forward(second), "image to image again");
  module->extend(*Sequential(AdaptiveAvgPool2d(1), Flatten(), Linear(6, 5)));
  add(module, first, "classifier", shape);
  add_again(second, module->forward(second), "classifier again");
  run_and_compare();
}

}  // namespace onnx_parity_test
}  // namespace clew::parity
