// SPDX-License-Identifier: Apache-2.0
#include "clew/train/replicas.h"

#include <ATen/Parallel.h>
#include <torch/utils.h>

#include <cmath>

#include "clew/core/error.h"
#include "clew/train/optimizer.h"
#include "clew/train/processes.h"

namespace clew::train {

Replicas::Replicas(const ReplicasOptions& options) : pool_(options.copies) {
  at::set_num_threads(options.threads);
  flats_.reserve(static_cast<std::size_t>(options.copies));
}

void Replicas::add(torch::nn::Module& network,
                   const std::function<bool(const std::string& name)>& is_frozen) {
  CLEW_CHECK(size() < pool_.threads(), "there are threads for ", pool_.threads(),
             " replicas, got one more");
  flats_.push_back(flats_.empty() ? nn::flatten(network, is_frozen)
                                  : nn::share(network, flats_[0]));
}

void Replicas::run(const std::function<void(int copy)>& work) {
  pool_.run([&](int copy) {
    at::init_num_threads();  // OpenMP's number of threads is per calling thread
    work(copy);
  });
}

void Replicas::sum_gradients(SumOrder order) {
  if (size() == 1) return;
  pool_.run([&](int thread) {
    const torch::NoGradGuard no_grad;
    const auto [begin, end] = share_of(flats_[0].gradients.numel(), thread, pool_.threads());
    std::vector<torch::Tensor> parts;
    for (const auto& flat : flats_) parts.push_back(flat.gradients.slice(0, begin, end));
    if (order == SumOrder::kInPairs) return sum_in_pairs(parts);
    for (std::size_t i = 1; i < parts.size(); ++i) parts[0].add_(parts[i]);
  });
}

double Replicas::clip_gradients(double limit) {
  const double norm = clip_norm(flats_[0].gradients, limit);
  CLEW_CHECK(std::isfinite(norm), "the gradient's norm is ", std::isnan(norm) ? "nan" : "infinite");
  return norm;
}

}  // namespace clew::train
