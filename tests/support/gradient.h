// SPDX-License-Identifier: Apache-2.0
// For tests: gradients against central differences. Not installed.
#pragma once

#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <string>

namespace clew {

/// The gradient of the scalar `loss` by every entry of x, dense f64 that requires one, must be the difference
/// quotient of steps of 1e-6 up to `tolerance`.
inline void expect_gradient(const torch::Tensor& x, const std::function<torch::Tensor()>& loss,
                            double tolerance, const std::string& name) {
  const torch::Tensor grad = torch::autograd::grad({loss()}, {x})[0].reshape(-1);
  const torch::NoGradGuard no_grad;
  const torch::Tensor flat = x.view(-1);
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    const double step = 1e-6, before = flat[i].item<double>();
    flat[i] = before + step;
    const double up = loss().item<double>();
    flat[i] = before - step;
    const double down = loss().item<double>();
    flat[i] = before;
    ASSERT_NEAR((up - down) / (2 * step), grad[i].item<double>(), tolerance)
        << name << " entry " << i;
  }
}

}  // namespace clew
