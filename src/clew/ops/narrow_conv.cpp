// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/narrow_conv.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include "clew/core/error.h"
#include "clew/ops/autocast.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;

constexpr const char* kNarrowConvName = "narrow_conv2d";
constexpr auto kLayout = torch::MemoryFormat::ChannelsLast;

/// Gradient w.r.t. the images. As a convolution of `up` it has C outputs, of which kernels compute
/// sixteen at a time. So the taps of a row become C*L outputs, which are added with shifts.
Tensor images_gradient(const Tensor& up, const Tensor& weight, torch::IntArrayRef shape) {
  const std::int64_t outputs = weight.size(0), channels = weight.size(1), rows = weight.size(2),
                     taps = weight.size(3);
  const auto kernel =
      weight.permute({1, 3, 0, 2}).flip(3).reshape({channels * taps, outputs, rows, 1});
  const auto parts = torch::conv2d(up, kernel, /*bias=*/{}, /*stride=*/1, {rows - 1, 0})
                         .reshape({shape[0], channels, taps, shape[2], up.size(3)});
  auto sum = torch::zeros(shape, up.options());
  for (std::int64_t i = 0; i < taps; ++i) sum.narrow(3, i, up.size(3)).add_(parts.select(2, i));
  return sum;
}

struct NarrowConv : torch::autograd::Function<NarrowConv> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& images,
                        const Tensor& weight, const Tensor& bias) {
    context->save_for_backward({images, weight});
    return torch::conv2d(channels_last(images), weight, bias);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    const auto saved = context->get_saved_variables();
    const Tensor &images = saved[0], &weight = saved[1];
    const auto up = upstream[0].contiguous(kLayout);
    const auto rest = torch::convolution_backward(up, images, weight, {{weight.size(0)}}, {1, 1},
                                                  {0, 0}, {1, 1}, /*transposed=*/false, {0, 0},
                                                  /*groups=*/1, {false, true, true});
    Tensor by_images;
    if (context->needs_input_grad(0)) by_images = images_gradient(up, weight, images.sizes());
    return {by_images, std::get<1>(rest), std::get<2>(rest)};
  }
};

}  // namespace

Tensor channels_last(const Tensor& images) {
  if (is_tracing()) return images;
  const auto dense = images.contiguous(kLayout);
  const std::int64_t c = images.size(1), h = images.size(2), w = images.size(3);
  return dense.as_strided(images.sizes(), {h * w * c, 1, w * c, c});
}

Tensor narrow_conv2d(const Tensor& images, const Tensor& weight, const Tensor& bias) {
  CLEW_CHECK(images.dim() == 4 && weight.dim() == 4,
             "images must be [B,C,H,W] and weight [O,C,K,L], got ", images.sizes(), " and ",
             weight.sizes(), " (", kNarrowConvName, ")");
  // Traces have the standard operator, for any batch size.
  if (is_tracing()) return torch::conv2d(images, weight, bias);
  const Autocast off(Precision::kFp32);
  return NarrowConv::apply(images.to(weight.scalar_type()), weight, bias);
}

}  // namespace clew::ops
