// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/batch_norm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <thread>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace batch_norm_test {

struct NetworkImpl : torch::nn::Module {
  NetworkImpl() {
    first = register_module("first", BatchNorm2d(3));
    conv = register_module("conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 4, 3).padding(1)));
    last = register_module("last", BatchNorm2d(torch::nn::BatchNorm2dOptions(4).momentum(0.3)));
  }
  torch::Tensor forward(const torch::Tensor& x) { return last(torch::tanh(conv(first(x)))).pow(3); }
  BatchNorm2d first{nullptr}, last{nullptr};
  torch::nn::Conv2d conv{nullptr};
};

std::shared_ptr<NetworkImpl> make_network() {
  torch::manual_seed(3);
  auto network = std::make_shared<NetworkImpl>();
  const torch::NoGradGuard no_grad;
  for (auto* norm : {&network->first, &network->last})
    for (auto& parameter : (*norm)->parameters()) parameter.uniform_(0.5, 1.5);
  return network;
}

TEST(SlicedBatchNorm, SlicesAreNormalisedAsTheWholeBatch) {
  const auto whole = make_network();
  const auto x = torch::rand({6, 3, 5, 4});
  const auto weights = torch::rand({6, 4, 5, 4});
  auto input = x.clone().requires_grad_();
  const auto y = whole->forward(input);
  (y * weights).sum().backward();
  for (const auto& cuts : {std::vector<int>{0, 6}, {0, 2, 6}, {0, 1, 2, 4, 6}}) {
    const int slices = static_cast<int>(cuts.size()) - 1;
    const auto group = std::make_shared<SliceGroup>(slices);
    std::vector<std::shared_ptr<NetworkImpl>> networks;
    std::vector<torch::Tensor> inputs, outputs(static_cast<std::size_t>(slices));
    std::vector<std::thread> threads;
    for (int i = 0; i < slices; ++i) {
      networks.push_back(make_network());
      inputs.push_back(
          x.slice(0, cuts[static_cast<std::size_t>(i)], cuts[static_cast<std::size_t>(i) + 1])
              .clone()
              .requires_grad_());
    }
    for (int i = 0; i < slices; ++i) {
      threads.emplace_back([&, i] {
        const auto at = static_cast<std::size_t>(i);
        const SliceGroup::Scope scope(group, i);
        outputs[at] = networks[at]->forward(inputs[at]);
        (outputs[at] * weights.slice(0, cuts[at], cuts[at + 1])).sum().backward();
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_LT((torch::cat(outputs) - y).abs().max().item<double>(),
              1e-6 * y.abs().max().item<double>())
        << slices;
    std::vector<torch::Tensor> gradients;
    for (const auto& one : inputs) gradients.push_back(one.grad());
    EXPECT_LT((torch::cat(gradients) - input.grad()).abs().max().item<double>(),
              2e-4 * input.grad().abs().max().item<double>());
    for (const auto& item : whole->named_parameters()) {
      auto sum = torch::zeros_like(item.value());
      for (const auto& network : networks) sum += network->named_parameters()[item.key()].grad();
      EXPECT_LT((sum - item.value().grad()).abs().max().item<double>(),
                1e-4 * item.value().grad().abs().max().item<double>())
          << item.key();
    }
    for (const auto& item : whole->named_buffers()) {
      for (const auto& network : networks)
        EXPECT_LT((network->named_buffers()[item.key()] - item.value())
                      .to(torch::kFloat32)
                      .abs()
                      .max()
                      .item<double>(),
                  1e-5)
            << item.key();
    }
  }
}

TEST(SlicedBatchNorm, OutsideAGroupItIsLibTorchs) {
  torch::nn::BatchNorm2d theirs(3);
  BatchNorm2d ours(3);
  const auto x = torch::rand({4, 3, 2, 2});
  EXPECT_TRUE(torch::equal(ours(x), theirs(x)));
  ours->eval(), theirs->eval();
  const SliceGroup::Scope scope(std::make_shared<SliceGroup>(2), 0);  // evaluation waits for nobody
  EXPECT_TRUE(torch::equal(ours(x), theirs(x)));
}

TEST(SlicedBatchNorm, IsExportedAsLibTorchs) {
  BatchNorm2d ours(3);
  torch::nn::BatchNorm2d theirs(3);
  const torch::NoGradGuard no_grad;
  for (auto* norm : {&ours->weight, &theirs->weight}) norm->fill_(1.5);
  for (auto* norm : {&ours->running_mean, &theirs->running_mean}) norm->fill_(0.25);
  const auto bytes = [](torch::nn::Module& module) {
    module.eval();
    return to_onnx(module, {.name = "norm",
                            .inputs = {{"x", {-1, 3, 4, 4}, "x"}},
                            .outputs = {{.name = "y", .note = "y"}}});
  };
  EXPECT_EQ(bytes(*ours), bytes(*theirs));
}

TEST(SliceGroup, ASliceThatFailsFreesTheOthers) {
  const auto group = std::make_shared<SliceGroup>(3);
  std::atomic<int> errors = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      if (error_of([&] { (void)group->sum(i, torch::ones({2})); }) ==
          "another slice of the batch failed")
        ++errors;
    });
  }
  group->fail();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(errors, 2);
}

}  // namespace batch_norm_test
}  // namespace clew::nn
