// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/upsample.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/types.h>

#include <cstddef>
#include <cstdint>

namespace clew::nn {

torch::Tensor upsample_like(const torch::Tensor& x, const torch::Tensor& like) {
  namespace tracer = torch::jit::tracer;
  // A trace holds sizes as numbers, unless the operator's argument is announced as values.
  if (tracer::isTracing())
    for (std::size_t i = 0; i < 2; ++i)
      tracer::ArgumentStash::stashIntArrayRefElem(
          "output_size", 2, i, tracer::getSizeOf(like, static_cast<std::int64_t>(i) + 2));
  return torch::upsample_nearest2d(x, {like.size(2), like.size(3)});
}

}  // namespace clew::nn
