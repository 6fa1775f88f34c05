// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pixel_scores.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/pixel_scores_fast.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;

constexpr std::int64_t kBlockRows = 64;  // of pixels, to a part of the work

PixelTaps taps_of(const MapAxis& axis, std::int64_t pixels, std::int64_t elements) {
  PixelTaps taps;
  const auto last = static_cast<double>(elements - 1);
  for (std::int64_t i = 0; i < pixels; ++i) {
    const double place = std::clamp(axis.first + static_cast<double>(i) * axis.step, 0.0, last);
    const auto low = std::floor(place);
    taps.low.push_back(static_cast<std::int32_t>(low));
    taps.high.push_back(static_cast<std::int32_t>(std::min(low + 1, last)));
    taps.fraction.push_back(static_cast<float>(place - low));
  }
  return taps;
}

void check_scores(const Tensor& scores, std::int64_t height, std::int64_t width) {
  CLEW_CHECK(scores.dim() == 4 && scores.size(1) > 0 && scores.size(1) <= 256 &&
                 scores.size(2) > 0 && scores.size(3) > 0 && scores.is_floating_point(),
             "scores must be [B,C,h,w] of real numbers with elements, of at most 256 classes, got ",
             scores.sizes(), " of ", scores.scalar_type());
  CLEW_CHECK(height > 0 && width > 0, "pictures must have pixels, got ", height, " x ", width);
}

bool is_on_fast_device(const Tensor& scores) {
  return scores.device().is_cpu() && scores.scalar_type() == torch::kFloat32 &&
         scores.numel() > 0 && !is_tracing();
}

/// True for the fast loops over classes, which would hide NaN.
bool is_fast_input(const Tensor& scores) {
  return is_on_fast_device(scores) && torch::isfinite(scores).all().item<bool>();
}

/// As PixelTaps, for LibTorch's operators.
struct TapTensors {
  Tensor low, high, fraction;
};

TapTensors tensors_of(const MapAxis& axis, std::int64_t pixels, std::int64_t elements,
                      const Tensor& like) {
  const auto place = (axis.first + axis.step * torch::arange(pixels, torch::kFloat64))
                         .clamp(0, static_cast<double>(elements - 1));
  const auto low = place.floor();
  return {.low = low.to(torch::kInt64).to(like.device()),
          .high = (low + 1)
                      .clamp_max(static_cast<double>(elements - 1))
                      .to(torch::kInt64)
                      .to(like.device()),
          .fraction = (place - low).to(like.options())};
}

/// Rows of one picture that are computed by one thread, and the part of the map that they lie on.
struct Block {
  std::int64_t picture, first, last;
  std::int32_t top;  // row of the map
  std::int64_t map_rows;
};

std::vector<Block> blocks_of(std::int64_t pictures, const PixelTaps& rows) {
  std::vector<Block> blocks;
  const auto height = static_cast<std::int64_t>(rows.size());
  for (std::int64_t i = 0; i < pictures; ++i) {
    for (std::int64_t first = 0; first < height; first += kBlockRows) {
      const auto last = std::min(first + kBlockRows, height);
      const auto top = rows.low[static_cast<std::size_t>(first)];
      blocks.push_back({.picture = i,
                        .first = first,
                        .last = last,
                        .top = top,
                        .map_rows = rows.high[static_cast<std::size_t>(last - 1)] - top + 1});
    }
  }
  return blocks;
}

/// Calls work(block, rows) for all blocks of all pictures, in any order.
template <class Work>
std::vector<Block> for_blocks(const Tensor& scores, const MapAxes& axes, std::int64_t height,
                              std::int64_t width, const Work& work) {
  const auto own = scores.contiguous();
  const auto rows = taps_of(axes.rows, height, scores.size(2)),
             columns = taps_of(axes.columns, width, scores.size(3));
  auto blocks = blocks_of(scores.size(0), rows);
  const auto* const first = own.data_ptr<float>();
  const auto picture = own.numel() / own.size(0);
  at::parallel_for(0, std::ssize(blocks), 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::NoGradGuard no_grad;
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      const auto& block = blocks[i];
      work(block, PixelRows{.scores = first + block.picture * picture,
                            .classes = static_cast<std::size_t>(own.size(1)),
                            .height = static_cast<std::size_t>(own.size(2)),
                            .width = static_cast<std::size_t>(own.size(3)),
                            .rows = &rows,
                            .columns = &columns,
                            .first = static_cast<std::size_t>(block.first),
                            .last = static_cast<std::size_t>(block.last)});
    }
  });
  return blocks;
}

/// Sums of all pictures; writes the gradient of the loss by the scores.
PixelSums loss_and_gradient(const Tensor& scores, const MapAxes& axes, const Tensor& classes,
                            const std::array<float, 256>& weights,
                            const std::array<bool, 256>& is_counted, Tensor& gradient) {
  const auto height = classes.size(1), width = classes.size(2);
  const auto per_picture = (height + kBlockRows - 1) / kBlockRows;
  std::vector<PixelSums> sums(static_cast<std::size_t>(scores.size(0) * per_picture));
  std::vector<Tensor> parts(sums.size());
  const auto* const targets = classes.data_ptr<std::uint8_t>();
  const auto blocks =
      for_blocks(scores, axes, height, width, [&](const Block& block, const PixelRows& rows) {
        const auto at =
            static_cast<std::size_t>(block.picture * per_picture + block.first / kBlockRows);
        parts[at] = torch::zeros({scores.size(1), block.map_rows, scores.size(3)});
        sums[at] = pixel_loss_rows(rows, targets + block.picture * height * width, weights.data(),
                                   is_counted.data(), static_cast<std::size_t>(block.map_rows),
                                   parts[at].template data_ptr<float>());
      });
  gradient = torch::zeros(scores.sizes(), scores.options());
  PixelSums all;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    gradient[blocks[i].picture].narrow(1, blocks[i].top, blocks[i].map_rows) += parts[i];
    all.loss += sums[i].loss;
    all.weight += sums[i].weight;
    all.counted += sums[i].counted;
    all.right += sums[i].right;
  }
  return all;
}

struct PixelLoss : torch::autograd::Function<PixelLoss> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& scores,
                        const Tensor& gradient, double value) {
    context->save_for_backward({gradient});
    return torch::full({}, value, scores.options());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    refuse_second_derivative("pixel_cross_entropy");
    return {context->get_saved_variables()[0] * upstream[0], {}, {}};
  }
};

PixelCrossEntropy plain_cross_entropy(const Tensor& scores, const MapAxes& axes,
                                      const Tensor& classes, const Tensor& weights,
                                      std::int64_t ignored) {
  const auto logits = interpolate_scores(scores, axes, classes.size(1), classes.size(2));
  const auto labels = classes.to(torch::kInt64);
  const auto is_counted = labels.ne(ignored);
  const auto own = weights.defined() ? weights.to(logits.options()) : Tensor();
  PixelCrossEntropy result{
      .sum = torch::cross_entropy_loss(logits, labels, own, at::Reduction::Sum, ignored),
      .counted = is_counted.sum().item<std::int64_t>(),
      .right = logits.detach().argmax(1).eq(labels).sum().item<std::int64_t>()};
  result.weight = own.defined()
                      ? own.index_select(0, labels.masked_select(is_counted)).sum().item<double>()
                      : static_cast<double>(result.counted);
  return result;
}

}  // namespace

Tensor interpolate_scores(const Tensor& scores, const MapAxes& axes, std::int64_t height,
                          std::int64_t width) {
  check_scores(scores, height, width);
  const bool has_gradient = scores.requires_grad() && at::GradMode::is_enabled();
  if (is_on_fast_device(scores) && !has_gradient) {
    const auto logits = torch::empty({scores.size(0), scores.size(1), height, width});
    auto* const to = logits.data_ptr<float>();
    for_blocks(scores, axes, height, width, [&](const Block& block, const PixelRows& rows) {
      pixel_logits_rows(rows, to + block.picture * scores.size(1) * height * width);
    });
    return logits;
  }
  const auto rows = tensors_of(axes.rows, height, scores.size(2), scores),
             columns = tensors_of(axes.columns, width, scores.size(3), scores);
  const auto wide = torch::lerp(scores.index_select(3, columns.low),
                                scores.index_select(3, columns.high), columns.fraction);
  return torch::lerp(wide.index_select(2, rows.low), wide.index_select(2, rows.high),
                     rows.fraction.unsqueeze(1));
}

PixelCrossEntropy pixel_cross_entropy(const Tensor& scores, const MapAxes& axes,
                                      const Tensor& classes, const Tensor& weights,
                                      std::int64_t ignored) {
  CLEW_CHECK(classes.dim() == 3 && classes.scalar_type() == torch::kUInt8 && scores.dim() == 4 &&
                 classes.size(0) == scores.size(0) && classes.device() == scores.device(),
             "scores must be [B,C,h,w] and classes [B,H,W] of Byte on one device, got ",
             scores.sizes(), " on ", scores.device(), " and ", classes.sizes(), " of ",
             classes.scalar_type(), " on ", classes.device(), " (pixel_cross_entropy)");
  check_scores(scores, classes.size(1), classes.size(2));
  const auto count = scores.size(1);
  CLEW_CHECK(!weights.defined() || (weights.dim() == 1 && weights.size(0) == count),
             "weights must be [", count, "], got ", weights.sizes(), " (pixel_cross_entropy)");
  const auto wrong = classes.ge(count).logical_and(classes.ne(ignored));
  CLEW_CHECK(!wrong.any().item<bool>(), "the class of a pixel must be in 0..", count - 1, " or ",
             ignored, ", got ", classes.masked_select(wrong)[0].item<std::int64_t>());
  if (!is_fast_input(scores)) return plain_cross_entropy(scores, axes, classes, weights, ignored);
  std::array<float, 256> factors{};
  std::array<bool, 256> is_counted{};
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    is_counted[at] = i != ignored;
    if (is_counted[at]) factors[at] = weights.defined() ? weights[i].item<float>() : 1.0F;
  }
  Tensor gradient;
  const auto sums =
      loss_and_gradient(scores.detach(), axes, classes.contiguous(), factors, is_counted, gradient);
  return {.sum = PixelLoss::apply(scores, gradient, sums.loss),
          .weight = sums.weight,
          .counted = sums.counted,
          .right = sums.right};
}

Tensor pixel_classes(const Tensor& scores, const MapAxes& axes, std::int64_t height,
                     std::int64_t width) {
  const torch::NoGradGuard no_grad;
  check_scores(scores, height, width);
  if (!is_fast_input(scores))
    return interpolate_scores(scores, axes, height, width).argmax(1).to(torch::kUInt8);
  const auto classes = torch::empty({scores.size(0), height, width}, torch::kUInt8);
  auto* const to = classes.data_ptr<std::uint8_t>();
  for_blocks(scores, axes, height, width, [&](const Block& block, const PixelRows& rows) {
    pixel_classes_rows(rows, to + block.picture * height * width);
  });
  return classes;
}

}  // namespace clew::ops
