// SPDX-License-Identifier: Apache-2.0
// K copies of a network in K threads on one device: shared weights, gradients summed in a fixed order,
// clipped and checked. What a copy learns from, and the step that follows, is the trainer's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "clew/core/pool.h"
#include "clew/nn/flat.h"
#include "clew/ops/tensor.h"

namespace clew::train {

/// Order in which gradients g1, g2, ... are added; their sum's last bits depend on it.
enum class SumOrder : std::uint8_t {
  kInTurn,   // ((g1 + g2) + g3) + g4
  kInPairs,  // (g1 + g2) + (g3 + g4), as sum_in_pairs (processes.h) adds
};

struct ReplicasOptions {
  int copies = 1;
  int threads = 1;  // intra-op threads of each copy's thread
};

class Replicas {
 public:
  /// Starts the threads; sets the number of LibTorch's intra-op threads.
  explicit Replicas(const ReplicasOptions& options);

  /// The next copy, which must outlive this. The first one's weights become those of all, but for what
  /// `is_frozen` says yes to (nn::flatten), which later ones share as well.
  void add(torch::nn::Module& network,
           const std::function<bool(const std::string& name)>& is_frozen = {});
  /// Copies so far.
  int size() const { return static_cast<int>(flats_.size()); }

  /// Parameters of a copy; the gradients are its own.
  const nn::FlatParameters& flat(int copy = 0) const {
    return flats_[static_cast<std::size_t>(copy)];
  }
  /// [P] f32, of all copies.
  const torch::Tensor& values() const { return flats_[0].values; }

  /// Calls work(copy) for each in its thread. Blocks. Errors as ThreadPool::run.
  void run(const std::function<void(int copy)>& work);
  /// The first copy's gradients become the sum of all; others may change. Blocks.
  void sum_gradients(SumOrder order);
  /// Scales the first copy's gradients so that their norm is at most `limit` (0: no limit) and returns the
  /// norm before. A norm that is not finite: clew::Error.
  double clip_gradients(double limit);

  ThreadPool& pool() { return pool_; }

 private:
  std::vector<nn::FlatParameters> flats_;
  ThreadPool pool_;
};

}  // namespace clew::train
