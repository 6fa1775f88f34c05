// SPDX-License-Identifier: Apache-2.0
// Several processes that train one network together, started by whatever sets torchrun's variables:
// who they are, sums over all, messages from one to all, a common stop, and one sentence where one of
// them fails. What travels does so by c10d (transport.h); what is trained, supervised.h knows.
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

/// Where this process stands among those that train together, and where they meet.
struct ProcessPlace {
  int rank = 0, size = 1;             // the one of rank 0 writes the run folder
  std::string address = "127.0.0.1";  // of the machine where they meet, that of rank 0
  int port = 0;                       // there; 0 with rank 0: any free one
  bool has_store = false;             // somebody else listens there already, as torchrun does
  std::string prefix;                 // of this training's keys there
  double timeout_s = 600;             // of silence, after which another process counts as lost
};

/// What torchrun's variables say: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT. The first two may be
/// those that mpirun or srun sets. One process where neither is set or WORLD_SIZE is 1; some without
/// the others, or nonsense: UsageError.
ProcessPlace place_from_environment(const std::function<const char*(const char*)>& get);
ProcessPlace place_from_environment();

/// Every process makes the same calls in the same order; each blocks until all have. A process that
/// ends, or is silent for too long, is a clew::Error in all others. Used by one thread at a time.
class Processes {
 public:
  /// One process, which sends nothing.
  Processes();
  /// Waits until all are there. With port 0, `on_listening` gets the port before that.
  /// `while_waiting` is called often meanwhile; what it throws ends the waiting.
  explicit Processes(const ProcessPlace& place,
                     const std::function<void(int port)>& on_listening = {},
                     const std::function<void()>& while_waiting = {});
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }

  /// What `make` gave in each process, by rank. Where it throws, all throw: the process itself what
  /// it was, the others a clew::Error (a UsageError for a UsageError) with its text. `make` may
  /// gather, too, where that of every process does.
  std::vector<std::string> gather(const std::function<std::string()>& make);
  /// What `make` gave in the process of rank 0; the others do not call it. Errors as above.
  std::string from_first(const std::function<std::string()>& make);
  /// For what was thrown outside of these calls and ends this process: the others, which wait in
  /// `gather` or `from_first`, throw it as above. Does nothing for what these calls threw.
  void tell_failure(const std::exception& failure) noexcept;
  /// values [P] f32, contiguous: becomes the sum over all processes, added as in sum_in_pairs, so
  /// its bytes are the same everywhere and in every run.
  void sum(const torch::Tensor& values);

  /// Whether all processes know what was thrown here.
  bool is_known() const { return is_known_; }

  /// All agree on it in the next `gather` or `from_first`; one process alone does at once.
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

/// parts[0] becomes the sum of all parts, tensors of one shape: neighbours first, then neighbouring
/// pairs, and so on. Processes whose parts are a power of two thus add as one with all parts does.
void sum_in_pairs(std::span<const torch::Tensor> parts);

}  // namespace clew::train
