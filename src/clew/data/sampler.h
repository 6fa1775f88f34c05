// SPDX-License-Identifier: Apache-2.0
// Samplers: the examples of each batch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/core/key.h"

namespace clew::data {

/// Batches are numbered from 0 over all epochs without end. A batch is a pure function of its
/// number. Thread-safe.
class Sampler {
 public:
  virtual ~Sampler() = default;
  Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Example indices of batch `batch`, in order; may repeat.
  virtual std::vector<std::int64_t> indices(std::int64_t batch) const = 0;
  /// Number of those.
  virtual std::int64_t size_of(std::int64_t batch) const = 0;
  virtual std::int64_t batches_per_epoch() const = 0;
};

struct UniformSampling {
  std::int64_t batch_size = 64;
  bool is_shuffled = true;  // reshuffled every epoch; false: 0, 1, 2, ...
  bool drops_last = false;  // drop an epoch's smaller last batch
  Key key = {};
};
/// Every one of `examples` once an epoch.
std::shared_ptr<const Sampler> uniform_sampler(std::int64_t examples, const UniformSampling& how);

struct ClassSampling {
  std::int64_t classes = 8;   // P: distinct classes in a batch
  std::int64_t examples = 4;  // K: examples of each class; repeated where it has fewer
  Key key = {};
};
/// PK sampling for metric learning (Hermans et al. 2017, section 2): P classes with K consecutive
/// examples each. labels [N]: class of each example. An epoch has as many batches as the examples
/// fill. Fewer classes than P: clew::Error.
std::shared_ptr<const Sampler> class_sampler(const std::vector<std::int64_t>& labels,
                                             const ClassSampling& how);

struct AspectSampling {
  std::int64_t batch_size = 2;
  std::vector<double> edges = {1};  // aspect ratios between groups, ascending
  Key key = {};
};
/// Aspect ratio grouping: every example once an epoch, in batches of one group, to save padding.
/// ratios [N]: width over height. A group's last batch may be smaller.
std::shared_ptr<const Sampler> aspect_sampler(const std::vector<double>& ratios,
                                              const AspectSampling& how);

struct ClipSampling {
  std::int64_t batch_size = 16;  // clips, a multiple of `clips`
  std::int64_t clips = 1;        // of a video, consecutive
  Key key = {};
};
/// Every video `clips` times an epoch, each with another key (batch_of).
std::shared_ptr<const Sampler> clip_sampler(std::int64_t videos, const ClipSampling& how);

}  // namespace clew::data
