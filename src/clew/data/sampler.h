// SPDX-License-Identifier: Apache-2.0
// Samplers: which examples make up a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "clew/core/key.h"

namespace clew::data {

/// Batches are numbered from 0 over all epochs without end. What a batch holds is a pure function of
/// its number; called by several threads at once.
class Sampler {
 public:
  virtual ~Sampler() = default;
  Sampler() = default;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Examples of batch number `batch`, in order. One may come several times.
  virtual std::vector<std::int64_t> indices(std::int64_t batch) const = 0;
  /// How many examples that are.
  virtual std::int64_t size_of(std::int64_t batch) const = 0;
  virtual std::int64_t batches_per_epoch() const = 0;
};

struct UniformSampling {
  std::int64_t batch_size = 64;
  bool is_shuffled = true;  // a new order every epoch; false: 0, 1, 2, ...
  bool drops_last = false;  // leave out an epoch's last batch when it is smaller
  Key key = {};
};
/// Every one of `examples` once an epoch.
std::shared_ptr<const Sampler> uniform_sampler(std::int64_t examples, const UniformSampling& how);

struct ClassSampling {
  std::int64_t classes = 8;   // in a batch, all different
  std::int64_t examples = 4;  // of each class; again from the first where it has fewer
  Key key = {};
};
/// Batches of P classes with K examples each, examples of a class side by side, as losses of pairs
/// and triplets want them (Hermans et al. 2017, section 2). labels [N]: the class of each example. An epoch has as
/// many batches as examples fill. Fewer classes than P: clew::Error.
std::shared_ptr<const Sampler> class_sampler(const std::vector<std::int64_t>& labels,
                                             const ClassSampling& how);

struct AspectSampling {
  std::int64_t batch_size = 2;
  std::vector<double> edges = {1};  // between the groups, ascending
  Key key = {};
};
/// Every example once an epoch, in batches of one group, so that pictures that are padded to one
/// size waste little. ratios [N]: width over height. A group's last batch may be smaller.
std::shared_ptr<const Sampler> aspect_sampler(const std::vector<double>& ratios,
                                              const AspectSampling& how);

struct ClipSampling {
  std::int64_t batch_size = 16;  // clips, a multiple of `clips`
  std::int64_t clips = 1;        // of a video, side by side
  Key key = {};
};
/// Every video `clips` times an epoch, each time under another key (batch_of).
std::shared_ptr<const Sampler> clip_sampler(std::int64_t videos, const ClipSampling& how);

}  // namespace clew::data
