// SPDX-License-Identifier: Apache-2.0
// Differentiable image sampling, with gradients w.r.t. image and sampling coordinates: Jaderberg et
// al. 2015 (arXiv 1506.02025, section 3.3), V = sum U[n,m] k(x-m) k(y-n).
//
// Coordinates are normalised: -1 and +1 are the outer edges of the border pixels (half-pixel
// convention, the default) or their centres (align_corners). An identity transform returns a finite
// image bit for bit in both conventions; results and gradients do not depend on the number of
// threads.
//
// At whole pixels, where |x-m| has its kinks, the bilinear slope is the paper's, +1 for m >= x and
// -1 for m < x, over the two pixels m in [x-1, x]: the derivative from the left. (Also leaving out
// m = x-1, as the paper's "0 if |m-x| >= 1" does, would give a constant image a slope.)
#pragma once

#include <cstdint>

#include "clew/ops/tensor.h"

namespace clew::ops {

enum class SampleKernel : std::uint8_t {
  kBilinear,
  kNearest,  // the paper's integer kernel: pixel floor(x + 0.5); no gradient to coordinates
  kBicubic,  // Keys 1981 with a = -0.75, as LibTorch
};

/// Padding outside of the image.
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

/// Identity grid [height,width,2] f, (x,y). A side of one pixel is at 0.
torch::Tensor identity_grid(ImageSize size, bool align_corners,
                            const torch::TensorOptions& tensor_options = {});

/// Dtype of the sampling coordinates of an image: f32 for bf16 and f16, else its own.
torch::ScalarType coordinate_type(const torch::Tensor& input);

/// input [B,C,H,W] f32, f64, bf16 or f16, grid [B,h,w,2] of its coordinate_type, (x,y) normalised ->
/// [B,C,h,w] of the input's type; bf16 and f16 are accumulated in f32. Copies tensors that are not
/// dense. NaN coordinates give NaN. No second derivative. On other devices than the CPU, LibTorch's
/// grid_sampler with its own derivatives at kinks, and rounding.
torch::Tensor grid_sample(const torch::Tensor& input, const torch::Tensor& grid,
                          const SampleOptions& options = {});

/// The same for an affine grid, theta [B,2,3] times (x,y,1), which is not stored: input [B,C,H,W],
/// theta of its coordinate_type -> [B,C,size.height,size.width]. Extra memory for dense f32 or f64: at
/// most 4 MiB of scratch per thread.
torch::Tensor affine_sample(const torch::Tensor& input, const torch::Tensor& theta, ImageSize size,
                            const SampleOptions& options = {});

}  // namespace clew::ops
