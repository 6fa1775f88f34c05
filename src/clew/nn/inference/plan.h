// SPDX-License-Identifier: Apache-2.0
// A program compiled for one image shape: oneDNN primitives in order, memory formats, packed
// weights, one arena for activations.
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

/// Weights in the memory formats of a program's plans, shared by them.
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
  /// `program` need not outlive the constructor. Unsupported by oneDNN: clew::Error.
  Plan(const Program& program, const PlanShape& shape, const ops::ChannelStatistics& statistics,
       ops::Precision precision, PackedWeights& weights);
  ~Plan();
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  /// images [images,3,height,width] f32, any strides, in [0,1]; outputs[i]: the caller's memory for
  /// the i-th output, f32, contiguous. Thread-safe, with an arena per call. Blocks.
  void run(const torch::Tensor& images, const std::vector<float*>& outputs) const;

 private:
  friend class PlanBuilder;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clew::nn
