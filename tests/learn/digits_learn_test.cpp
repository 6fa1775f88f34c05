// SPDX-License-Identifier: Apache-2.0
// That digits drawn from our own strokes are like real ones: a small network that has seen nothing
// else reads MNIST.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "clew/data/loader.h"
#include "clew/data/mnist.h"

namespace clew::data {
namespace digits_learn_test {

torch::nn::Sequential small_network() {
  namespace nn = torch::nn;
  return nn::Sequential(nn::Conv2d(1, 16, 5), nn::ReLU(), nn::MaxPool2d(2), nn::Conv2d(16, 32, 5),
                        nn::ReLU(), nn::MaxPool2d(2), nn::Flatten(), nn::Linear(512, 128),
                        nn::ReLU(), nn::Linear(128, 10));
}

double accuracy(torch::nn::Sequential& network, const Dataset& digits) {
  const torch::NoGradGuard no_grad;
  Loader loader(digits, {.batch_size = 500, .is_shuffled = false});
  std::int64_t right = 0;
  for (std::int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    const Batch batch = loader.next();
    right +=
        network->forward(batch["image"]).argmax(1).eq(batch["label"]).sum().item<std::int64_t>();
  }
  return static_cast<double>(right) / static_cast<double>(digits.size());
}

TEST(DigitsLearn, ANetworkThatSawOnlyDrawnDigitsReadsMnist) {
  const char* data = std::getenv("CLEW_DATA");
  const auto folder = std::filesystem::path(data ? data : CLEW_DATA_DEFAULT) / "mnist";
  if (!has_mnist(folder)) GTEST_SKIP() << "no MNIST in " << folder << "; set CLEW_DATA";
  torch::manual_seed(1);
  const DrawnDigits digits({.size = 60'000, .is_fixed = false}),
      unseen({.size = 2000, .key = {7}, .is_fixed = true});
  auto network = small_network();
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(1e-3));
  constexpr std::int64_t kSteps = 1500;
  Loader loader(digits, {.batch_size = 128, .key = {1}});
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const Batch batch = loader.next();
    const auto loss =
        torch::nn::functional::cross_entropy(network->forward(batch["image"]), batch["label"]);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  const double drawn = accuracy(network, unseen),
               real = accuracy(network, Mnist(folder, Split::kTest));
  RecordProperty("drawn", std::to_string(drawn));
  RecordProperty("mnist", std::to_string(real));
  EXPECT_GT(drawn, 0.97);
  EXPECT_GE(real, 0.85);
}

}  // namespace digits_learn_test
}  // namespace clew::data
