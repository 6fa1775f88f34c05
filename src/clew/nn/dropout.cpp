// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/dropout.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "clew/core/error.h"

namespace clew::nn {
namespace {

constexpr std::int64_t kBlock = 4096;  // elements per key

/// [count] f32: 0 with probability p, else 1 / (1 - p).
torch::Tensor draw_mask(std::int64_t count, double p, const Key& key) {
  const auto mask = torch::empty({count}, torch::kFloat32);
  auto* to = mask.data_ptr<float>();
  const auto dropped = static_cast<std::uint64_t>(std::llround(p * 0x1p32));
  const auto kept = static_cast<float>(1 / (1 - p));
  const std::int64_t blocks = (count + kBlock - 1) / kBlock;
  at::parallel_for(0, blocks, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      Stream stream(fold_in(key, static_cast<std::uint64_t>(block)));
      const std::int64_t last = std::min(count, (block + 1) * kBlock);
      for (std::int64_t i = block * kBlock; i < last; ++i)
        to[i] = stream.bits() >> 32 < dropped ? 0 : kept;
    }
  });
  return mask;
}

void check_probability(double p) {
  CLEW_CHECK(p >= 0 && p < 1, "the probability of dropout must be in [0,1), got ", p);
}

}  // namespace

torch::Tensor dropout(const torch::Tensor& x, double p, const Key& key) {
  check_probability(p);
  if (p == 0) return x;
  return x * draw_mask(x.numel(), p, key).view(x.sizes()).to(x.options());
}

torch::Tensor channel_dropout(const torch::Tensor& x, double p, const Key& key) {
  check_probability(p);
  CLEW_CHECK(x.dim() >= 2, "channels are dropped from [B,C,...], got ", x.sizes());
  if (p == 0) return x;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = x.size(0), shape[1] = x.size(1);
  return x * draw_mask(shape[0] * shape[1], p, key).view(shape).to(x.options());
}

}  // namespace clew::nn
