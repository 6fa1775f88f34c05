// SPDX-License-Identifier: Apache-2.0
// Vectorised bilinear sampler for f32. The same results as sampler_rows.h up to rounding. Private
// to the module.
#pragma once

#include <cstdint>
#include <memory>

#include "clew/ops/sampler_rows.h"

namespace clew::ops {

/// Kernels of one instruction set.
struct SampleKernels {
  // As SampleRows' methods, but backward adds to d_input; with scratch [sample_quads] it
  // overwrites, and the rows must be all.
  void (*forward)(const SampleJob<float>& job, std::int64_t b, std::int64_t begin,
                  std::int64_t end);
  void (*backward)(const SampleJob<float>& job, std::int64_t b, std::int64_t begin,
                   std::int64_t end, const SampleParts& parts, float* scratch);
  // Group g of channels of image b; scratch [sample_scratch]. The gradient w.r.t. the image
  // overwrites the group's d_input; that w.r.t. coordinates is added to `sums` or, if null, to
  // d_grid, which g = 0 overwrites: the groups must come in order.
  void (*forward_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g,
                        float* scratch);
  void (*image_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch);
  void (*coordinates_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g,
                            CoordinateSums* sums, float* scratch);
};

/// Kernels for this CPU and call; null: use SampleRows.
const SampleKernels* sample_kernels(const SampleJob<float>& job);
/// Number of channel groups, first those of 16, then those of 4; 0 where single channels are faster
/// or save memory.
std::int64_t sample_groups(const SampleJob<float>& job);
std::int64_t wide_sample_groups(const SampleJob<float>& job);
/// Scratch size for any group, in floats: an image and a row of the output.
std::int64_t sample_scratch(const SampleJob<float>& job);

struct SampleGroup {
  SampleGroup(const SampleJob<float>& job, std::int64_t g) {
    const std::int64_t wide = wide_sample_groups(job);
    is_wide = g < wide;
    first = is_wide ? 16 * g : 16 * wide + 4 * (g - wide);
  }
  bool is_wide;
  std::int64_t first;  // channel
};

/// Scratch size for the gradient w.r.t. the image by single channels, in floats; 0: faster without.
std::int64_t sample_quads(const SampleJob<float>& job);
/// Floats per row of a tap: whole vectors after one of zeros.
inline std::int64_t sample_quads_row(std::int64_t width) { return (width + 15) / 16 * 16 + 16; }

class FastSampleRows {
 public:
  explicit FastSampleRows(const SampleJob<float>& job) : job_(job), kernels_(*sample_kernels(job)) {
    const std::int64_t quads = job.d_input == nullptr ? 0 : sample_quads(job);
    if (quads > 0) scratch_ = std::make_unique<float[]>(static_cast<std::size_t>(quads));
  }
  void forward(std::int64_t b, std::int64_t begin, std::int64_t end) {
    kernels_.forward(job_, b, begin, end);
  }
  void backward(std::int64_t b, std::int64_t begin, std::int64_t end, const SampleParts& parts) {
    if (scratch_ == nullptr) clear_image(job_, b, parts);
    kernels_.backward(job_, b, begin, end, parts, scratch_.get());
  }

 private:
  const SampleJob<float>& job_;
  const SampleKernels& kernels_;
  std::unique_ptr<float[]> scratch_;
};

}  // namespace clew::ops
