// SPDX-License-Identifier: Apache-2.0
// fcn_resnet50 and deeplabv3_resnet50 with torchvision's weights: scores, losses, gradients.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <string>

#include "clew/core/error.h"
#include "clew/nn/weights.h"
#include "clew/segment/network.h"
#include "clew/segment/segment_task.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace segment_parity_test {

constexpr std::int64_t kClasses = 5;

class SegmentParity : public testing::TestWithParam<std::string> {};

TEST_P(SegmentParity, ScoresLossesAndGradientsAreTorchvisions) {
  const auto python = python_with({"torchvision"});
  if (!python)
    GTEST_SKIP() << "no Python with torchvision: install python3-torchvision or set CLEW_PYTHON to "
                    "an interpreter that has it";
  const TestFolder folder;
  run_python(*python, "segment.py",
             {GetParam(), std::to_string(kClasses), "65", "94", folder / "weights.pth",
              folder / "theirs.pth"});
  std::map<std::string, torch::Tensor> theirs;
  for (auto& [name, tensor] : nn::read_tensors(folder / "theirs.pth")) theirs[name] = tensor;
  const auto network = segment::make_network(
      {.network = GetParam(), .backbone = "resnet50", .output_stride = 8, .classes = kClasses});
  (void)nn::load_weights(*network, folder / "weights.pth");  // every name, or clew::Error
  const auto images = theirs.at("images"), targets = theirs.at("targets").to(torch::kUInt8);

  network->eval();
  {
    const torch::NoGradGuard no_grad;
    const auto logits = network->forward(images).logits();
    const auto& wanted = theirs.at("logits");
    ASSERT_EQ(logits.sizes(), wanted.sizes());
    EXPECT_LT(((logits - wanted).abs().max() / wanted.abs().max()).item<double>(), 1e-4);
  }

  network->to(torch::kFloat64);
  network->train();
  const auto scores = network->forward(images.to(torch::kFloat64));
  const auto loss = segment::pixel_loss(scores.main, targets).value,
             auxiliary = segment::pixel_loss(scores.auxiliary, targets).value;
  EXPECT_NEAR(loss.item<double>(), theirs.at("losses")[0].item<double>(), 1e-8);
  EXPECT_NEAR(auxiliary.item<double>(), theirs.at("losses")[1].item<double>(), 1e-8);
  (loss + 0.5 * auxiliary).backward();
  for (const auto& item : network->named_parameters()) {
    const auto wanted = theirs.at("gradient." + item.key());
    const auto grad = item.value().grad().reshape(-1);
    const auto got =
        torch::stack({grad.norm(), grad.sum(),
                      (grad * torch::arange(grad.numel(), torch::kFloat64).cos()).sum()});
    const double scale =
        wanted[0].item<double>() * std::sqrt(static_cast<double>(grad.numel())) + 1e-12;
    EXPECT_LT((got - wanted).abs().max().item<double>() / scale, 1e-6) << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(, SegmentParity, testing::Values("fcn_resnet50", "deeplabv3_resnet50"),
                         [](const auto& one) { return one.param; });

}  // namespace segment_parity_test
}  // namespace clew::parity
