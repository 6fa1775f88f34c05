// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/pool_relu.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "clew/ops/pool_relu_fast.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;

bool has_channels_last(const Tensor& images) {
  const std::int64_t c = images.size(1), h = images.size(2), w = images.size(3);
  return images.strides() == torch::IntArrayRef({h * w * c, 1, w * c, c});
}

Tensor empty_channels_last(torch::IntArrayRef shape, const torch::TensorOptions& options) {
  const std::int64_t c = shape[1], h = shape[2], w = shape[3];
  return torch::empty_strided(shape, {h * w * c, 1, w * c, c}, options);
}

/// Data pointer for pool_relu_fast.h.
template <class T>
T* numbers(const Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

template <class T>
void pool(const Tensor& images, const Tensor& pooled, const Tensor& chosen) {
  const std::int64_t c = images.size(1), h = images.size(2), w = images.size(3);
  const std::int64_t out_h = pooled.size(2), out_w = pooled.size(3);
  at::parallel_for(0, images.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * out_h; row < end * out_h; ++row) {
      const T* top = numbers<T>(images) + (row / out_h * h + row % out_h * 2) * w * c;
      const std::int64_t out = row * out_w * c;
      pool_row(top, top + w * c, out_w, c, numbers<T>(pooled) + out,
               numbers<std::uint8_t>(chosen) + out);
    }
  });
}

template <class T>
void spread(const Tensor& up, const Tensor& chosen, const Tensor& gradient) {
  const std::int64_t c = gradient.size(1), h = gradient.size(2), w = gradient.size(3);
  const std::int64_t out_h = up.size(2), out_w = up.size(3);
  const auto clear = [&](T* from, std::int64_t count) {
    std::memset(from, 0, static_cast<std::size_t>(count) * sizeof(T));
  };
  at::parallel_for(0, gradient.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin * out_h; row < end * out_h; ++row) {
      T* top = numbers<T>(gradient) + (row / out_h * h + row % out_h * 2) * w * c;
      const std::int64_t out = row * out_w * c;
      spread_row(numbers<T>(up) + out, numbers<std::uint8_t>(chosen) + out, out_w, c, top,
                 top + w * c);
      if (w % 2 == 1) {
        clear(top + (w - 1) * c, c);
        clear(top + (2 * w - 1) * c, c);
      }
      if (h % 2 == 1 && row % out_h == out_h - 1) clear(top + 2 * w * c, w * c);
    }
  });
}

struct PoolRelu : torch::autograd::Function<PoolRelu> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& images) {
    const std::vector<std::int64_t> shape{images.size(0), images.size(1), images.size(2) / 2,
                                          images.size(3) / 2};
    const auto pooled = empty_channels_last(shape, images.options());
    const auto chosen = empty_channels_last(shape, images.options().dtype(torch::kUInt8));
    images.scalar_type() == torch::kFloat32 ? pool<float>(images, pooled, chosen)
                                            : pool<std::uint16_t>(images, pooled, chosen);
    context->save_for_backward({chosen});
    context->saved_data["shape"] = images.sizes();
    return pooled;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list upstream) {
    refuse_second_derivative("max_pool_relu");
    const auto chosen = context->get_saved_variables()[0];
    Tensor up = upstream[0];
    if (!has_channels_last(up)) up = empty_channels_last(up.sizes(), up.options()).copy_(up);
    const auto gradient =
        empty_channels_last(context->saved_data["shape"].toIntVector(), up.options());
    up.scalar_type() == torch::kFloat32 ? spread<float>(up, chosen, gradient)
                                        : spread<std::uint16_t>(up, chosen, gradient);
    return {gradient};
  }
};

}  // namespace

Tensor max_pool_relu(const Tensor& images) {
  const bool is_fast =
      !is_tracing() && images.dim() == 4 && images.device().is_cpu() &&
      (images.scalar_type() == torch::kFloat32 || images.scalar_type() == torch::kBFloat16) &&
      images.numel() > 0 && images.size(2) >= 2 && images.size(3) >= 2 && has_channels_last(images);
  return is_fast ? PoolRelu::apply(images) : torch::relu(torch::max_pool2d(images, 2));
}

}  // namespace clew::ops
