// SPDX-License-Identifier: Apache-2.0
// A program for one shape of images: oneDNN's primitives in their order, formats chosen, weights packed,
// values placed in one arena.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "clew/nn/inference/program.h"
#include "clew/ops/normalise.h"
#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// Weights in the formats that plans of one program want, shared by them.
class PackedWeights {
 public:
  PackedWeights();
  ~PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

 private:
  friend class PlanBuilder;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct PlanShape {
  std::int64_t images = 1, height = 0, width = 0;
  int threads = 1;
  auto operator<=>(const PlanShape&) const = default;
};

class Plan {
 public:
  /// `program` is read only here. What oneDNN cannot compute: clew::Error.
  Plan(const Program& program, const PlanShape& shape, const ops::ChannelStatistics& statistics,
       ops::Precision precision, PackedWeights& weights);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// images [images,3,height,width] f32 of any strides, in [0,1]; outputs[i]: memory of the i-th output,
  /// f32, contiguous. Any number of threads at once, each with an arena of its own. Blocks.
  void run(const torch::Tensor& images, const std::vector<float*>& outputs) const;

 private:
  friend class PlanBuilder;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::nn
