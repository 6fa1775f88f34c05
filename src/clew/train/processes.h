// SPDX-License-Identifier: Apache-2.0
// Data-parallel processes, started by whatever sets torchrun's variables: rank and size,
// all-reduce, gather, broadcast, a common stop, and one error message where one of them fails. The
// transport is c10d (transport.h), the training supervised.h.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::train {

/// Rank of this process, and the rendezvous.
struct ProcessPlace {
  int rank = 0, size = 1;             // rank 0 writes the run folder
  std::string address = "127.0.0.1";  // of rank 0's machine
  int port = 0;                       // 0 on rank 0: any free port
  bool has_store = false;             // a store listens there already, as torchrun's does
  std::string prefix;                 // of this training's keys in the store
  double timeout_s = 600;             // of silence, after which a process counts as lost
};

/// torchrun's variables: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT; rank and size also as mpirun
/// or srun set them. One process where neither is set or WORLD_SIZE is 1. Incomplete or invalid:
/// UsageError.
ProcessPlace place_from_environment(const std::function<const char*(const char*)>& get);
ProcessPlace place_from_environment();

/// Collective calls: every process makes the same ones in the same order, and each blocks until all
/// have. A process that ends, or is silent for timeout_s, is a clew::Error in all others. Not
/// thread-safe.
class Processes {
 public:
  /// One process, which sends nothing.
  Processes();
  /// Waits for all processes. With port 0, `on_listening` gets the port first. `while_waiting` is
  /// called often; it may throw to end the wait.
  explicit Processes(const ProcessPlace& place,
                     const std::function<void(int port)>& on_listening = {},
                     const std::function<void()>& while_waiting = {});
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  /// Results of `make` in each process, by rank. Where it throws, all throw: that process the
  /// original, the others a clew::Error (for a UsageError a UsageError) with its text. `make` may
  /// itself gather if it does so in every process.
  std::vector<std::string> gather(const std::function<std::string()>& make);
  /// Broadcast of rank 0's result of `make`; the others do not call it. Errors as in `gather`.
  std::string from_first(const std::function<std::string()>& make);
  /// Passes on an error from outside of these calls that ends this process: the others, which wait
  /// in `gather` or `from_first`, throw it. Does nothing for errors that these calls threw.
  void tell_failure(const std::exception& failure) noexcept;
  /// In-place all-reduce sum of values [P] f32, contiguous, in the order of sum_in_pairs: the same
  /// bytes everywhere and in every run.
  void sum(const torch::Tensor& values);

  /// True if all processes know this one's error.
  bool is_known() const { return is_known_; }

  /// Requests a stop of all processes, agreed on in the next `gather` or `from_first`; immediate
  /// without other processes.
  void ask_to_stop();
  bool is_stopping() const { return is_stopping_; }

 private:
  class Link;

  int rank_ = 0, size_ = 1;
  bool is_stop_wanted_ = false, is_stopping_ = false;
  bool is_lost_ = false;        // a call has thrown, so the others know
  bool is_known_ = false;       // and why
  std::unique_ptr<Link> link_;  // none for one process
};

/// Pairwise (tree) sum of tensors of one shape into parts[0]. With a power of two of parts per
/// process, the order is that of one process with all parts.
void sum_in_pairs(std::span<const torch::Tensor> parts);

}  // namespace clew::train
