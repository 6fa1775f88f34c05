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

std::string refusal(const torch::nn::Module& module, const std::vector<std::int64_t>& shape,
                    const std::string& path = "never_written.onnx") {
  try {
    export_onnx(module, path, {.inputs = {{"x", shape}}, .outputs = {{"y"}}});
  } catch (const Error& error) {
    EXPECT_FALSE(fs::exists(path));
    return error.what();
  }
  fs::remove(path);
  return "nothing was thrown";
}

struct Home : torch::nn::Module {};

/// Gives its input twice.
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
  export_onnx(*module, path, options);
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
  EXPECT_NE(refusal(*torch::nn::Linear(2, 2), {-1, 2}, "w.bin").find("an ONNX file ends in .onnx"),
            std::string::npos);
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
/// Computes what its base does, and says so.
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

// Its forward may be another than the layer's.
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
  EXPECT_EQ(refusal(Same(options), image), "nothing was thrown");
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

}  // namespace onnx_test
}  // namespace clew::nn
