// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/cross_entropy.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/cross_entropy_fast.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;

/// Mean loss; writes its gradient [M,C]. Blocks are the same for any number of threads.
Tensor mean_loss(const Tensor& logits, const Tensor& classes, const Tensor& gradient) {
  const std::int64_t rows = logits.size(0), count = logits.size(1);
  const std::int64_t block =
      std::clamp<std::int64_t>(8192 / count, 1, static_cast<std::int64_t>(kCrossEntropyRows));
  std::vector<double> losses(static_cast<std::size_t>((rows + block - 1) / block));
  const float* const x = logits.data_ptr<float>();
  const auto* const chosen = classes.data_ptr<std::int64_t>();
  float* const g = gradient.data_ptr<float>();
  const float scale = 1 / static_cast<float>(rows);
  const auto blocks = static_cast<std::int64_t>(losses.size());
  at::parallel_for(0, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t row = b * block, some = std::min(block, rows - row);
      losses[static_cast<std::size_t>(b)] =
          cross_entropy_rows(x + row * count, chosen + row, static_cast<std::size_t>(some),
                             static_cast<std::size_t>(count), scale, g + row * count);
    }
  });
  const double sum = std::accumulate(losses.begin(), losses.end(), 0.0);
  return torch::full({}, sum / static_cast<double>(rows), logits.options());
}

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& logits,
                        const Tensor& classes) {
    const auto gradient = torch::empty_like(logits);
    auto loss = mean_loss(logits, classes, gradient);
    context->save_for_backward({gradient});
    return loss;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    refuse_second_derivative("cross_entropy");
    return {context->get_saved_variables()[0] * upstream[0], {}};
  }
};

}  // namespace

Tensor cross_entropy(const Tensor& logits, const Tensor& classes) {
  CLEW_CHECK(logits.dim() >= 1 && at::isFloatingType(logits.scalar_type()),
             "logits must be [..,C] of a floating type, got ", logits.sizes(), " of ",
             logits.scalar_type(), " (cross_entropy)");
  const auto shape = logits.sizes().slice(0, static_cast<std::size_t>(logits.dim() - 1));
  CLEW_CHECK(classes.sizes() == shape && classes.scalar_type() == torch::kInt64 &&
                 classes.device() == logits.device(),
             "classes must be ", shape, " of Long on ", logits.device(), ", got ", classes.sizes(),
             " of ", classes.scalar_type(), " on ", classes.device(), " (cross_entropy)");
  const std::int64_t count = logits.size(-1);
  const auto rows = logits.reshape({-1, count}).contiguous();
  const auto chosen = classes.reshape({-1}).contiguous();
  const bool is_fast = !is_tracing() && logits.device().is_cpu() &&
                       logits.scalar_type() == torch::kFloat32 && logits.numel() > 0;
  if (!is_fast) return torch::nll_loss(torch::log_softmax(rows, 1), chosen);
  const auto* const first = chosen.data_ptr<std::int64_t>();
  const auto* const last = first + chosen.numel();
  const auto* const bad =
      std::find_if(first, last, [count](std::int64_t c) { return c < 0 || c >= count; });
  CLEW_CHECK(bad == last, "classes must be 0..", count - 1, ", got ", *bad, " (cross_entropy)");
  return CrossEntropy::apply(rows, chosen);
}

}  // namespace clew::ops
