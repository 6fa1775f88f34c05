// SPDX-License-Identifier: Apache-2.0
#include "clew/train/passes.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/nn/layers.h"

namespace clew::train {

void pass_over(std::span<torch::nn::Module* const> networks, const data::Dataset& set,
               const PassOptions& options,
               const std::function<void(std::size_t network, std::int64_t number,
                                        const data::Batch& batch)>& work) {
  CLEW_CHECK(!networks.empty() && options.batch > 0,
             "an evaluation needs a network and batches, got ", networks.size(),
             " networks and batches of ", options.batch);
  const std::int64_t size = set.size(), batches = (size + options.batch - 1) / options.batch;
  const auto here = static_cast<std::int64_t>(networks.size());
  std::atomic<std::int64_t> done = 0;
  ThreadPool pool(static_cast<int>(networks.size()));
  pool.run([&](int worker) {
    const torch::NoGradGuard no_grad;  // per thread, as OpenMP's number of threads
    at::init_num_threads();
    auto& network = *networks[static_cast<std::size_t>(worker)];
    network.eval();
    const auto device = nn::device_of(network);
    for (std::int64_t b = options.rank * here + worker; b < batches;
         b += here * options.processes) {
      std::vector<std::int64_t> indices(static_cast<std::size_t>(
          std::min<std::int64_t>(options.batch, size - b * options.batch)));
      std::iota(indices.begin(), indices.end(), b * options.batch);
      const auto batch = data::batch_of(set, indices, data::keys_of(indices, options.key));
      try {
        work(static_cast<std::size_t>(worker), b, device.is_cpu() ? batch : batch.to(device));
      } catch (const data::ExampleError& error) {
        throw data::named_example(set, batch, error);
      }
      const auto made = ++done * options.processes;
      if (worker == 0 && options.on_progress && made < batches)
        options.on_progress(static_cast<double>(made) / static_cast<double>(batches));
    }
  });
  if (options.on_progress) options.on_progress(1);
}

}  // namespace clew::train
