// SPDX-License-Identifier: Apache-2.0
// One pass over a data set, shared by several networks (one thread each) and processes. Private to
// the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "clew/core/key.h"
#include "clew/data/dataset.h"

namespace clew::train {

struct PassOptions {
  int batch = 128;
  Key key = {};  // of the examples: fold_in(key, index)
  int rank = 0, processes = 1;
  std::function<void(double)> on_progress{};  // fraction done, in [0,1]
};

/// Calls work(network index, batch index, batch) in that network's thread for each batch of this
/// process, on the network's device. Evaluation mode, no autograd. The batches do not depend on the
/// number of networks and processes. Errors name the example. Blocks.
void pass_over(std::span<torch::nn::Module* const> networks, const data::Dataset& set,
               const PassOptions& options,
               const std::function<void(std::size_t network, std::int64_t number,
                                        const data::Batch& batch)>& work);

}  // namespace clew::train
