// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/onnx.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <string>
#include <typeinfo>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::nn {
namespace onnx_test {

namespace fs = std::filesystem;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensors same(const Tensors& inputs) { return inputs; }

std::string refusal_of(torch::nn::Module& module, const ForwardFunction& forward,
                       const OnnxOptions& options, const std::string& path = "never_written.onnx") {
  try {
    export_onnx(module, forward, path, options);
  } catch (const Error& error) {
    EXPECT_FALSE(fs::exists(path));
    return error.what();
  }
  fs::remove(path);
  return "nothing was thrown";
}

template <class Module>
std::string refusal(Module&& module, const std::vector<std::int64_t>& shape,
                    const ForwardFunction& forward = same) {
  return refusal_of(module, forward, {.inputs = {{"x", shape}}, .outputs = {{"y"}}});
}

/// Output of the written graph.
Tensor ran(const torch::nn::Module& module, const Tensor& input,
           const std::vector<std::int64_t>& shape) {
  OnnxGraph graph("g");
  graph.output("y",
               add_to_onnx(graph, module, {graph.input("x", input.scalar_type(), shape)}).at(0));
  return graph.run({input}).at(0);
}

struct Home : torch::nn::Module {};

/// Two outputs, both the input.
struct Twice : torch::nn::Module, OnnxConvertible {
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    return {graph.identity(inputs.at(0)), inputs.at(0)};
  }
};

TEST(Onnx, SequentialKeepsTheNamesOfItsState) {
  torch::nn::Sequential module(torch::nn::Conv2d(1, 2, 3), torch::nn::ReLU(), torch::nn::Dropout(),
                               torch::nn::Flatten(), torch::nn::Linear(8, 3));
  const auto bytes =
      to_onnx(*module, {.inputs = {{"image", {-1, 1, 4, 4}, "[B,1,4,4] f32 in [0,1]"}},
                        .outputs = {{.name = "scores", .note = "[B,3] f32, raw"}}});
  for (const char* wanted : {"0.weight", "0.bias", "4.weight", "0.Conv_0", "image", "scores",
                             "[B,1,4,4] f32 in [0,1]", "[B,3] f32, raw"})
    EXPECT_NE(bytes.find(wanted), std::string::npos) << wanted;
  EXPECT_EQ(bytes.find("Dropout"), std::string::npos);
}

TEST(Onnx, FileIsWrittenWhole) {
  const auto path =
      fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_onnx_test.onnx");
  const OnnxOptions options = {.inputs = {{"x", {-1, 2}}}, .outputs = {{"y"}}};
  torch::nn::Sequential module(torch::nn::Linear(2, 2), torch::nn::Softmax(1));
  export_onnx(module, path, options);
  EXPECT_EQ(read_file(path, 1 << 20), to_onnx(*module, options));
  fs::remove(path);
}

TEST(Onnx, ModulesThatCannotBeWritten) {
  using torch::nn::Sequential;
  EXPECT_EQ(refusal(Home(), {-1, 2}),
            "cannot export to ONNX: module 'clew::nn::onnx_test::Home' has no writer; it "
            "must implement clew::nn::OnnxConvertible");
  EXPECT_NE(refusal(*Sequential(torch::nn::GRU(2, 2)), {-1, 2}).find("has no writer"),
            std::string::npos);
  EXPECT_EQ(refusal(Twice(), {-1, 2}), "the network gives 2 values, but 1 ONNX outputs are named");
  EXPECT_EQ(refusal_of(*torch::nn::Linear(2, 2), same,
                       {.inputs = {{"x", {-1, 2}}}, .outputs = {{"y"}}}, "w.bin"),
            "cannot write 'w.bin': an ONNX file ends in .onnx");
  EXPECT_NE(refusal(*torch::nn::Linear(3, 2), {-1, 2}).find("cannot take weights [2,3]"),
            std::string::npos);
}

struct Doubled : torch::nn::Conv2dImpl {
  using Conv2dImpl::Conv2dImpl;
  torch::Tensor forward(const torch::Tensor& x) { return 2 * Conv2dImpl::forward(x); }
};
struct Backwards : torch::nn::SequentialImpl {
  using SequentialImpl::SequentialImpl;
};
/// Exports as its base class.
struct Same : torch::nn::Conv2dImpl, OnnxConvertible {
  using Conv2dImpl::Conv2dImpl;
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    return onnx_as(graph, *this, typeid(torch::nn::Conv2dImpl), inputs);
  }
};
struct Wrong : torch::nn::Module, OnnxConvertible {
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    return onnx_as(graph, *this, typeid(torch::nn::Conv2dImpl), inputs);
  }
};

// Its forward may differ from the layer's.
TEST(Onnx, WhatDerivesFromALayerIsNotThatLayer) {
  const std::vector<std::int64_t> image = {-1, 1, 5, 5};
  const torch::nn::Conv2dOptions options(1, 1, 3);
  EXPECT_EQ(refusal(Doubled(options), image),
            "cannot export to ONNX: module 'clew::nn::onnx_test::Doubled' has no writer; "
            "it must implement clew::nn::OnnxConvertible");
  EXPECT_NE(refusal(Backwards(torch::nn::ReLU()), image).find("Backwards' has no writer"),
            std::string::npos);
  torch::nn::Sequential nested;
  nested->push_back(std::make_shared<Doubled>(options));
  EXPECT_NE(refusal(*nested, image).find("Doubled' has no writer"), std::string::npos);
  Same derived(options);
  const auto forward = [&](const Tensors& x) { return Tensors{derived.forward(x.at(0))}; };
  EXPECT_EQ(refusal(derived, image, forward), "nothing was thrown");
  EXPECT_NE(refusal(Wrong(), image).find("does not derive from the layer it is written as"),
            std::string::npos);
}

TEST(Onnx, OptionsThatOnnxHasNot) {
  using namespace torch::nn;
  const std::vector<std::int64_t> image = {-1, 1, 5, 5};
  const struct {
    std::string got;
    const char* wanted;
  } cases[] = {
      {refusal(*Conv2d(Conv2dOptions(1, 1, 3).padding_mode(torch::kReflect)), image),
       "only padding by zeros"},
      {refusal(*Conv2d(Conv2dOptions(1, 1, 2).padding(torch::kSame)), image), "is uneven"},
      {refusal(*ConvTranspose2d(ConvTranspose2dOptions(1, 1, 2).stride(2).output_padding(1)),
               image),
       "output_padding cannot be exported"},
      {refusal(*BatchNorm2d(BatchNorm2dOptions(1).track_running_stats(false)), image),
       "without running statistics"},
      {refusal(*MaxPool2d(MaxPool2dOptions(2).ceil_mode(true)), image), "ceil_mode matters"},
      {refusal(*AvgPool2d(AvgPool2dOptions(2).divisor_override(3)), image), "divisor_override"},
      {refusal(*AdaptiveAvgPool2d(2), image), "5 into 2 parts of different sizes"},
      {refusal(*AdaptiveAvgPool2d(2), {-1, 1, -2, -2}), "to other than 1x1 needs a fixed size"},
      {refusal(*MaxPool2d(MaxPool2dOptions(2).ceil_mode(true)), {-1, 1, -2, 4}),
       "ceil_mode needs a fixed size, got [B,1,?,4]"},
      {refusal(*Upsample(UpsampleOptions().scale_factor(std::vector<double>{1.5, 1.5})), image),
       "only one whole scale_factor"},
      {refusal(*Upsample(UpsampleOptions()
                             .scale_factor(std::vector<double>{2, 2})
                             .mode(torch::kBilinear)
                             .align_corners(true)),
               image),
       "align_corners cannot be exported"},
  };
  for (const auto& [got, wanted] : cases)
    EXPECT_NE(got.find(wanted), std::string::npos) << wanted << "\n" << got;
}

/// A sigmoid in forward, another operator in the file.
struct Mistaken : torch::nn::Module, OnnxConvertible {
  using Write = OnnxValue (*)(OnnxGraph&, const OnnxValue&);
  explicit Mistaken(Write writer) : write(writer) {}
  static Tensors forward(const Tensors& x) { return {x.at(0).mul(4).sub(2).sigmoid() * 2}; }
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override {
    const auto number = [&](float value) { return graph.constant(torch::tensor(value), "number"); };
    const auto x = graph.sub(graph.mul(inputs.at(0), number(4)), number(2));
    return {graph.mul(write(graph, x), number(2))};
  }
  Write write;
};

TEST(Onnx, AFileThatComputesSomethingElseIsNotWritten) {
  const OnnxOptions options = {.inputs = {{"x", {-1, 3, 8, 8}}}, .outputs = {{"logits"}}};
  const auto got = [&](Mistaken::Write write, const ForwardFunction& forward = Mistaken::forward) {
    Mistaken module(write);
    return refusal_of(module, forward, options);
  };
  const auto right = [](OnnxGraph& g, const OnnxValue& x) { return g.sigmoid(x); };
  EXPECT_EQ(got(right), "nothing was thrown");
  const auto relu = got([](OnnxGraph& g, const OnnxValue& x) { return g.relu(x); });
  EXPECT_EQ(relu.rfind("cannot export to ONNX: output 'logits' of the written graph differs from "
                       "forward by 2.2",
                       0),
            0U)
      << relu;
  EXPECT_NE(relu.find(" at most, of 1.7"), std::string::npos) << relu;
  EXPECT_NE(relu.find("; to_onnx says something else than forward"), std::string::npos) << relu;
  const auto near = got([](OnnxGraph& g, const OnnxValue& x) { return g.hard_sigmoid(x); });
  EXPECT_NE(near.find("differs from forward by 0.1"), std::string::npos) << near;
  EXPECT_NE(got([](OnnxGraph& g, const OnnxValue& x) {
              return g.log(g.neg(g.sigmoid(x)));
            }).find("differs from forward by "),
            std::string::npos);
  EXPECT_EQ(got([](OnnxGraph& g, const OnnxValue& x) { return g.flatten(x); }),
            "cannot export to ONNX: output 'logits' of the written graph is Float [2,192], forward "
            "gives Float [2,3,8,8]; to_onnx says something else than forward");
  EXPECT_EQ(
      got(right,
          [](const Tensors& x) { return Tensors{Mistaken::forward(x)[0].to(torch::kDouble)}; }),
      "cannot export to ONNX: output 'logits' of the written graph is Float [2,3,8,8], forward "
      "gives Double [2,3,8,8]; to_onnx says something else than forward");
  EXPECT_EQ(got(right,
                [](const Tensors& x) {
                  return Tensors{x[0], x[0]};
                }),
            "cannot export to ONNX: forward gives 2 values, but 1 ONNX outputs are named");
  EXPECT_EQ(got(right, [](const Tensors&) { return Tensors{Tensor()}; }),
            "cannot export to ONNX: forward gives nothing for output 'logits'");
  EXPECT_EQ(got(right, [](const Tensors& x) { return Tensors{x[0].view({7})}; }),
            "cannot export to ONNX: forward fails on an example [2,3,8,8]: shape '[7]' is invalid "
            "for input of size 384");
}

TEST(Onnx, ComparedInEvaluationMode) {
  torch::nn::Sequential module(torch::nn::Linear(4, 4), torch::nn::Dropout(),
                               torch::nn::BatchNorm1d(4));
  module->train();
  const auto forward = [&](const Tensors& x) { return Tensors{module->forward(x.at(0))}; };
  EXPECT_EQ(refusal(*module, {-1, 4}, forward), "nothing was thrown");
  EXPECT_TRUE(module->is_training());
}

TEST(Onnx, FreeHeightAndWidth) {
  using namespace torch::nn;
  const std::vector<std::int64_t> free = {-1, 3, -2, -2};
  Sequential module(
      Conv2d(Conv2dOptions(3, 8, 3).padding(1).stride(2)), BatchNorm2d(8), ReLU(), MaxPool2d(2),
      GroupNorm(2, 8), Conv2d(8, 8, 3),
      Upsample(UpsampleOptions().scale_factor(std::vector<double>{2, 2}).mode(torch::kNearest)),
      ConvTranspose2d(ConvTranspose2dOptions(8, 4, 4).stride(2).padding(1)), AvgPool2d(3), SiLU());
  module->eval();
  for (const auto& sides :
       {Tensor(torch::rand({2, 3, 64, 48})), Tensor(torch::rand({3, 3, 37, 91}))})
    EXPECT_TRUE(torch::allclose(ran(*module, sides, free), module->forward(sides), 1e-5, 1e-6));
  const auto forward = [&](const Tensors& x) { return Tensors{module->forward(x.at(0))}; };
  EXPECT_EQ(refusal(*module, free, forward), "nothing was thrown");
  const auto bytes = to_onnx(*module, {.inputs = {{"x", free}}, .outputs = {{"y"}}});
  EXPECT_NE(bytes.find("height"), std::string::npos);
  EXPECT_NE(bytes.find("width"), std::string::npos);
  EXPECT_EQ(bytes.find("height", bytes.find("height") + 1), std::string::npos);  // no output's
  module->extend(*Sequential(AdaptiveAvgPool2d(1), Flatten(), Linear(4, 5)));
  EXPECT_EQ(refusal(*module, free, forward), "nothing was thrown");
  Sequential flat(Conv2d(3, 2, 3), Flatten(), Linear(2 * 62 * 62, 5));
  EXPECT_EQ(refusal(*flat, free),
            "cannot export to ONNX: 1.Flatten needs a fixed size, got [B,2,?,?]; give the input's "
            "height and width as numbers");
  EXPECT_EQ(
      refusal(*Linear(7, 2), {-1, -2}),
      "cannot export to ONNX: Gemm needs a fixed size, got [B,?]; give the input's height and "
      "width as numbers");
  EXPECT_EQ(refusal(*Linear(4, 2), {-2, 3, 4}),
            "ONNX input 'x': only the last two sides can be free, got [?,3,4]");
}

TEST(Onnx, FreeSidesAreComparedAtTwoSizes) {
  torch::nn::Sequential module(torch::nn::Conv2d(1, 1, 3));
  std::vector<std::vector<std::int64_t>> seen;
  const auto forward = [&](const Tensors& x) {
    seen.push_back(x[0].sizes().vec());
    return Tensors{module->forward(x[0])};
  };
  const auto with = [&](const std::vector<std::int64_t>& size) {
    return refusal_of(*module, forward,
                      {.inputs = {{.name = "x", .shape = {-1, 1, -2, -2}, .example_size = size}},
                       .outputs = {{"y"}}});
  };
  EXPECT_EQ(with({10, 20}), "nothing was thrown");
  EXPECT_EQ(seen, (std::vector<std::vector<std::int64_t>>{{2, 1, 10, 20}, {2, 1, 20, 20}}));
  EXPECT_EQ(with({10}), "input 'x': example_size must be a height and a width of at least 1");
  EXPECT_NE(with({2, 2}).find("forward fails on an example [2,1,2,2] (OnnxEdge::example_size): "),
            std::string::npos);
  // Correct for square images only.
  const auto turned = [](const Tensors& x) { return Tensors{x[0].transpose(2, 3).contiguous()}; };
  torch::nn::Identity same_place;
  EXPECT_NE(refusal(*same_place, {-1, 1, -2, -2}, turned).find("differs from forward by"),
            std::string::npos);
}

TEST(Onnx, LayersComputeWhatLibTorchDoes) {
  using namespace torch::nn;
  torch::manual_seed(3);
  const auto x = torch::randn({2, 6, 5, 4});
  const std::vector<std::int64_t> fixed = {-1, 6, 5, 4}, free = {-1, 6, -2, -2};
  const auto check = [&](auto layer, const char* what) {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : layer->parameters()) parameter.add_(torch::randn_like(parameter));
    for (const auto& shape : {fixed, free})
      EXPECT_TRUE(torch::allclose(ran(*layer, x, shape), layer->forward(x), 1e-5, 1e-5)) << what;
  };
  check(SiLU(), "SiLU");
  check(GELU(), "GELU");
  check(GELU(GELUOptions().approximate("tanh")), "GELU by tanh");
  for (const std::int64_t groups : {1, 2, 6}) check(GroupNorm(groups, 6), "GroupNorm");
  check(GroupNorm(GroupNormOptions(3, 6).affine(false).eps(0.1)), "GroupNorm without weights");
  const auto rows = torch::randn({3, 7, 4});
  for (const bool is_affine : {true, false}) {
    LayerNorm norm(LayerNormOptions({7, 4}).elementwise_affine(is_affine));
    EXPECT_TRUE(torch::allclose(ran(*norm, rows, {-1, 7, 4}), norm->forward(rows), 1e-5, 1e-5));
  }
  LayerNorm last(LayerNormOptions({4}));
  EXPECT_TRUE(torch::allclose(ran(*last, rows, {-1, -2, 4}), last->forward(rows), 1e-5, 1e-5));
  GroupNorm vectors(2, 4);
  const auto v = torch::randn({3, 4});
  EXPECT_TRUE(torch::allclose(ran(*vectors, v, {-1, 4}), vectors->forward(v), 1e-5, 1e-5));
}

}  // namespace onnx_test
}  // namespace clew::nn
