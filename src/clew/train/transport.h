// SPDX-License-Identifier: Apache-2.0
// How bytes get from process to process: c10d's Gloo where the build has it (transport_gloo.cpp,
// transport_none.cpp). Private to the module; processes.h is what others use.
#pragma once

#include <functional>
#include <memory>

#include "clew/ops/tensor.h"
#include "clew/train/processes.h"

namespace clew::train {

/// All processes make the same calls with the same shapes in the same order. Each call blocks; a
/// process that is lost is a clew::Error. N is the number of processes; tensors are contiguous.
class Transport {
 public:
  virtual ~Transport() = default;
  /// part [n] of each process -> all [N*n], by rank.
  virtual void all_gather(const torch::Tensor& part, const torch::Tensor& all) = 0;
  /// parts [N*n]: the n numbers for each process -> received [N*n]: those that each has for this.
  virtual void all_to_all(const torch::Tensor& parts, const torch::Tensor& received) = 0;
  /// Rank 0's values everywhere.
  virtual void broadcast(const torch::Tensor& values) = 0;
};

/// Waits until all processes of `place`, two at least, are there. The functions: processes.h.
std::unique_ptr<Transport> connect(const ProcessPlace& place,
                                   const std::function<void(int port)>& on_listening,
                                   const std::function<void()>& while_waiting);

}  // namespace clew::train
