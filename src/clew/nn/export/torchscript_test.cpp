// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/torchscript.h"

#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>

#include "clew/core/error.h"

namespace clew::nn {
namespace torchscript_test {

namespace fs = std::filesystem;

struct TorchScript : testing::Test {
  fs::path path =
      fs::temp_directory_path() /
      ("clew_torchscript_" +
       std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".pt");
  TorchScript() { fs::remove(path); }
  ~TorchScript() override { fs::remove(path); }

  std::string refusal(torch::nn::Module& module, const ForwardFunction& forward,
                      const TorchScriptOptions& options) {
    try {
      export_torchscript(module, forward, path, options);
    } catch (const Error& error) {
      EXPECT_FALSE(fs::exists(path));
      return error.what();
    }
    return "nothing was thrown";
  }
};

TEST_F(TorchScript, RoundTripKeepsNamesAndResults) {
  torch::manual_seed(2);
  torch::nn::Sequential module(torch::nn::Conv2d(1, 2, 3), torch::nn::BatchNorm2d(2),
                               torch::nn::Dropout(), torch::nn::Flatten(), torch::nn::Linear(8, 3));
  module->train();
  module[2]->eval();
  const auto example = torch::randn({2, 1, 4, 4});
  export_torchscript(module, path, {.examples = {example}, .input_names = {"image"}});
  EXPECT_TRUE(module->is_training());
  EXPECT_TRUE(module[1]->is_training());
  EXPECT_FALSE(module[2]->is_training());
  auto script = torch::jit::load(path.string());
  std::vector<std::string> names;
  for (const auto& item : script.named_parameters()) names.push_back(item.name);
  for (const auto& item : script.named_buffers()) names.push_back(item.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0.weight", "0.bias", "1.weight", "1.bias", "4.weight",
                                             "4.bias", "1.running_mean", "1.running_var",
                                             "1.num_batches_tracked"}));
  module->eval();
  const auto input = torch::randn({5, 1, 4, 4});
  EXPECT_TRUE(torch::allclose(script.forward({input}).toTensor(), module->forward(input)));
  EXPECT_EQ(script.get_method("forward").function().getSchema().arguments().at(1).name(), "image");
}

/// A child "a" with a child "b", a child "a_b", and names that are no identifiers.
struct OddNames : torch::nn::Module {
  OddNames() {
    inner = register_module("a", torch::nn::Sequential());
    inner->push_back("b", torch::nn::Linear(2, 2));
    same = register_module("a_b", torch::nn::Linear(2, 2));
    dashed = register_module("last-layer", torch::nn::Linear(2, 1));
    constant = register_buffer("1", torch::ones({1}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return dashed->forward(same->forward(inner->forward(x))) + constant;
  }
  torch::nn::Sequential inner{nullptr};
  torch::nn::Linear same{nullptr}, dashed{nullptr};
  torch::Tensor constant;
};

TEST_F(TorchScript, NamesThatAreNoIdentifiers) {
  const auto module = std::make_shared<OddNames>();
  export_torchscript(module, path, {.examples = {torch::randn({2, 2})}});
  auto script = torch::jit::load(path.string());
  const auto x = torch::randn({3, 2});
  EXPECT_TRUE(torch::allclose(script.forward({x}).toTensor(), module->forward(x)));
}

TEST_F(TorchScript, SeveralInputsAndResults) {
  torch::nn::Module module;
  const ForwardFunction forward = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0] + x[1], x[0].sum(1)};
  };
  export_torchscript(module, forward, path,
                     {.examples = {torch::randn({2, 3}), torch::randn({2, 3})}});
  auto script = torch::jit::load(path.string());
  const auto a = torch::randn({4, 3}), b = torch::randn({4, 3});
  const auto results = script.forward({a, b}).toTuple();
  ASSERT_EQ(results->elements().size(), 2U);
  EXPECT_TRUE(torch::equal(results->elements()[0].toTensor(), a + b));
}

TEST_F(TorchScript, WhatTracingCannotFollowIsRefused) {
  torch::nn::Module module;
  const TorchScriptOptions options = {.examples = {torch::randn({2, 3})}};
  const auto raw = [](const std::vector<torch::Tensor>& x) {
    const auto result = torch::empty({3});  // filled behind LibTorch's back
    for (int i = 0; i < 3; ++i) result.data_ptr<float>()[i] = x[0].data_ptr<float>()[i];
    return std::vector<torch::Tensor>{x[0] + result};
  };
  EXPECT_NE(refusal(module, raw, options).find("tracing does not see a kernel"), std::string::npos);
  const auto fixed = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0].view({x[0].size(0) * 3})};
  };
  EXPECT_NE(refusal(module, fixed, options)
                .find("the traced network fails for a batch of 4 where the example had 2; forward "
                      "reads the batch size as a number"),
            std::string::npos);
  const auto wrong = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0].matmul(x[0])};
  };
  EXPECT_NE(refusal(module, wrong, options).find("the network cannot be traced: "),
            std::string::npos);
  // A word of Python's as a name: written by LibTorch, but not read back.
  torch::nn::Module named;
  named.register_buffer("class", torch::ones({1}));
  const auto same = [](const std::vector<torch::Tensor>& x) { return x; };
  EXPECT_EQ(refusal(named, same, options),
            "the network cannot be traced: expected ident but found 'class' here:");
  const auto none = [](const std::vector<torch::Tensor>&) { return std::vector<torch::Tensor>(); };
  EXPECT_NE(refusal(module, none, options).find("must give at least one result"),
            std::string::npos);
  EXPECT_EQ(refusal(module, same, {}), "tracing needs an example of each input");
  EXPECT_EQ(refusal(module, same, {.examples = {torch::ones({1})}, .input_names = {"a", "b"}}),
            "tracing got 1 examples and 2 names");
  EXPECT_THROW(export_torchscript(module, same, "w.onnx", options), Error);
}

TEST_F(TorchScript, AFixedBatchCanBeAskedFor) {
  torch::nn::Module module;
  const ForwardFunction fixed = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0].view({x[0].size(0) * 3})};
  };
  export_torchscript(module, fixed, path,
                     {.examples = {torch::randn({2, 3})}, .is_batch_free = false});
  EXPECT_TRUE(fs::exists(path));
}

TEST_F(TorchScript, OtherSizesCanBeAskedFor) {
  torch::nn::Module module;
  const TorchScriptOptions options = {.examples = {torch::randn({2, 3, 4})},
                                      .taller = {torch::randn({2, 6, 4})}};
  const ForwardFunction fixed = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0].view({-1, x[0].size(1) * x[0].size(2)})};
  };
  EXPECT_NE(
      refusal(module, fixed, options).find("forward reads a side as a number, which tracing fixes"),
      std::string::npos);
  const ForwardFunction free = [](const std::vector<torch::Tensor>& x) {
    return std::vector<torch::Tensor>{x[0].flatten(1)};
  };
  export_torchscript(module, free, path, options);
  EXPECT_TRUE(fs::exists(path));
}

}  // namespace torchscript_test
}  // namespace clew::nn
