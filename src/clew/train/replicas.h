// SPDX-License-Identifier: Apache-2.0
// Data parallelism in one process: K copies of a network in K threads on one device, with shared
// weights and gradients summed in a fixed order, clipped and checked. Data and optimiser step are
// the trainer's.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "clew/core/pool.h"
#include "clew/nn/flat.h"
#include "clew/ops/tensor.h"

namespace clew::train {

/// Summation order of gradients g1, g2, ...; the last bits of the sum depend on it.
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

  /// Adds a copy, which must outlive this. All share the first one's weights; frozen ones stay out
  /// of `flat` (nn::flatten).
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

  /// Calls work(copy) in each copy's thread. Blocks. Errors as ThreadPool::run.
  void run(const std::function<void(int copy)>& work);
  /// Sums all gradients into the first copy's; the others' may change. Blocks.
  void sum_gradients(SumOrder order);
  /// clip_norm of the first copy's gradients. A norm that is not finite: clew::Error.
  double clip_gradients(double limit);

  ThreadPool& pool() { return pool_; }

 private:
  std::vector<nn::FlatParameters> flats_;
  ThreadPool pool_;
};

}  // namespace clew::train
