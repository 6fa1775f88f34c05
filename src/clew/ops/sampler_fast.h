// SPDX-License-Identifier: Apache-2.0
// The bilinear sampler for f32, by vectors. The same results as sampler_rows.h up to rounding. Private
// to the module.
#pragma once

#include <cstdint>
#include <memory>

#include "clew/ops/sampler_rows.h"

namespace clew::ops {

/// The kernels of one instruction set.
struct SampleKernels {
  // As the methods of SampleRows, but backward adds to d_input; with scratch [sample_quads] it
  // overwrites, and the rows must be all.
  void (*forward)(const SampleJob<float>& job, std::int64_t b, std::int64_t begin,
                  std::int64_t end);
  void (*backward)(const SampleJob<float>& job, std::int64_t b, std::int64_t begin,
                   std::int64_t end, const SampleParts& parts, float* scratch);
  // Group g of channels of image b; scratch [sample_scratch]. Backward by the image overwrites
  // the group's d_input; by the places it adds to `sums` or, where it is null, to d_grid, which it
  // overwrites for g = 0: the groups must come in order.
  void (*forward_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g,
                        float* scratch);
  void (*image_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g, float* scratch);
  void (*places_group)(const SampleJob<float>& job, std::int64_t b, std::int64_t g, PlaceSums* sums,
                       float* scratch);
};

/// The kernels for this CPU and call; null where SampleRows must do the work.
const SampleKernels* sample_kernels(const SampleJob<float>& job);
/// Groups of channels in an image, first those of 16, then those of 4; 0 where rows of single channels
/// are faster or save memory.
std::int64_t sample_groups(const SampleJob<float>& job);
std::int64_t wide_sample_groups(const SampleJob<float>& job);
/// Floats of scratch memory for any group: an image and a row of the output.
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

/// Floats of scratch memory for the gradient of an image by rows of single channels; 0: better without.
std::int64_t sample_quads(const SampleJob<float>& job);
/// Of them, a tap's row: whole vectors after one of zeros.
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
