// SPDX-License-Identifier: Apache-2.0
// Reads images at real-valued places, with gradients to the image and to the places: the sampler of
// Jaderberg et al. 2015 (arXiv 1506.02025, section 3.3), V = sum U[n,m] k(x-m) k(y-n).
//
// Places are normalised: -1 and +1 are the outer edges of the border pixels (half-pixel convention,
// the default) or their centres (align_corners). An identity transform gives back a finite image
// bit for bit under both conventions; results and gradients do not depend on the number of threads.
//
// Where |x-m| has its kinks, at whole pixels, the bilinear slope is the paper's, +1 for m >= x and
// -1 for m < x, over the two pixels m in [x-1, x]: the derivative from the left. (Also leaving out
// m = x-1, as the paper's "0 if |m-x| >= 1" does, would give a constant image a slope.)
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::ops {

enum class SampleKernel : std::uint8_t {
  kBilinear,
  kNearest,  // the paper's integer kernel: pixel floor(x + 0.5); no gradient to the places
  kBicubic,  // Keys 1981 with a = -0.75, as LibTorch
};

/// What pixels outside the image are.
enum class SampleBorder : std::uint8_t {
  kZeros,
  kBorder,      // the nearest pixel of the image
  kReflection,  // mirrored at the outer edges, or at the centres of the border pixels (align_corners)
};

struct SampleOptions {
  SampleKernel kernel = SampleKernel::kBilinear;
  SampleBorder border = SampleBorder::kZeros;
  bool align_corners = false;
};

struct ImageSize {
  std::int64_t height = 0, width = 0;  // pixels
};

/// The places of the output's own pixels -> [height,width,2] f, (x,y). A side of one pixel is at 0.
torch::Tensor identity_grid(ImageSize size, bool align_corners,
                            const torch::TensorOptions& tensor_options = {});

/// The type of the places of an image: its own where that is f32 or f64, f32 where it is bf16 or f16.
torch::ScalarType place_type(const torch::Tensor& input);

/// input [B,C,H,W] f32, f64, bf16 or f16, grid [B,h,w,2] of its place_type, (x,y) normalised ->
/// [B,C,h,w] of the input's type; short types are read and added up in f32. Dense copies are made of
/// what is not dense. A place that is not a number gives one that is not; gradients once (no second
/// derivative). On other devices than the CPU this is LibTorch's grid_sampler with its own kinks and
/// roundings.
torch::Tensor grid_sample(const torch::Tensor& input, const torch::Tensor& grid,
                          const SampleOptions& options = {});

/// The same for places that are theta [B,2,3] times (x,y,1) of the output's own pixels, without
/// storing them: input [B,C,H,W], theta of its place_type -> [B,C,size.height,size.width].
/// Memory beside dense f32 or f64 input, output and gradients: a thread's scratch, 4 MiB at most.
torch::Tensor affine_sample(const torch::Tensor& input, const torch::Tensor& theta, ImageSize size,
                            const SampleOptions& options = {});

}  // namespace clew::ops
