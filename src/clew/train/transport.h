// SPDX-License-Identifier: Apache-2.0
// Collectives over c10d's Gloo where the build has it (transport_gloo.cpp, transport_none.cpp).
// Private to the module; the public interface is processes.h.
#pragma once

#include <functional>
#include <memory>

#include "clew/ops/tensor.h"
#include "clew/train/processes.h"

namespace clew::train {

/// All processes make the same calls with the same shapes in the same order. Each call blocks; a
/// lost process is a clew::Error. N is the number of processes; tensors are contiguous.
class Transport {
 public:
  virtual ~Transport() = default;
  /// part [n] of each process -> all [N*n], by rank.
  virtual void all_gather(const torch::Tensor& part, const torch::Tensor& all) = 0;
  /// parts [N*n], n numbers for each process -> received [N*n], n numbers from each.
  virtual void all_to_all(const torch::Tensor& parts, const torch::Tensor& received) = 0;
  /// Copies rank 0's values to all.
  virtual void broadcast(const torch::Tensor& values) = 0;
};

/// Waits for all processes of `place`, at least two. Callbacks: processes.h.
std::unique_ptr<Transport> connect(const ProcessPlace& place,
                                   const std::function<void(int port)>& on_listening,
                                   const std::function<void()>& while_waiting);

}  // namespace clew::train
