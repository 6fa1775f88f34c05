// SPDX-License-Identifier: Apache-2.0
// .pth files of ours in Python's own torch: it opens them with weights_only=True, loads them into
// its modules, computes what we compute, and what it saves again is what we wrote.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "clew/nn/weights.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace pth_parity_test {

constexpr const char* kWithoutTorch =
    "no Python with torch: install python3-torch or set CLEW_PYTHON to an interpreter that has it";

TEST(PthParity, PythonLoadsWhatWeWrite) {
  const auto python = python_with({"torch"});
  if (!python) GTEST_SKIP() << kWithoutTorch;
  const TestFolder folder;
  torch::manual_seed(3);
  torch::nn::Sequential module(torch::nn::Conv2d(2, 4, 3), torch::nn::BatchNorm2d(4),
                               torch::nn::ReLU(), torch::nn::Flatten(), torch::nn::Linear(36, 3));
  module->train();
  module->forward(torch::randn({8, 2, 5, 5}));  // moves the running statistics
  module->eval();
  const auto input = torch::randn({2, 2, 5, 5});
  nn::save_weights(*module, folder / "module.pth");
  nn::write_tensors(folder / "input.pth", {{"input", input}});
  run_python(*python, "check_pth.py",
             {"module", folder / "module.pth", folder / "input.pth", folder / "output.pth"});
  const auto output = nn::read_tensors(folder / "output.pth").at(0).second;
  const auto wanted = module->forward(input);
  // The same kernels in another process; threads may split sums in another way.
  EXPECT_LT((output - wanted).abs().max().item<double>(), 1e-6);
}

TEST(PthParity, EveryTypeComesBackEqual) {
  const auto python = python_with({"torch"});
  if (!python) GTEST_SKIP() << kWithoutTorch;
  const TestFolder folder;
  nn::NamedTensors tensors;
  for (const auto dtype :
       {torch::kFloat64, torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kInt64,
        torch::kInt32, torch::kInt16, torch::kInt8, torch::kUInt8, torch::kBool})
    tensors.emplace_back(torch::toString(dtype), torch::arange(24).view({2, 3, 4}).to(dtype));
  tensors.emplace_back("scalar", torch::tensor(3.5));
  tensors.emplace_back("empty", torch::empty({0, 300}));
  tensors.emplace_back("empty inside", torch::empty({300, 0, 2}));
  tensors.emplace_back("a name with 'quotes' and \u00e9", torch::ones({1}));
  nn::write_tensors(folder / "all.pth", tensors);
  run_python(*python, "check_pth.py",
             {"again", folder / "all.pth", folder / "zip.pth", folder / "legacy.pth"});
  for (const char* name : {"zip.pth", "legacy.pth"}) {
    const auto read = nn::read_tensors(folder / name);
    ASSERT_EQ(read.size(), tensors.size());
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      EXPECT_EQ(read[i].first, tensors[i].first);
      EXPECT_EQ(read[i].second.scalar_type(), tensors[i].second.scalar_type());
      EXPECT_TRUE(torch::equal(read[i].second, tensors[i].second)) << tensors[i].first;
    }
  }
}

}  // namespace pth_parity_test
}  // namespace clew::parity
