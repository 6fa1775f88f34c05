// SPDX-License-Identifier: Apache-2.0
#include "clew/train/evaluator.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>

#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/nn/layers.h"
#include "clew/train/processes.h"
#include "clew/train/task.h"

namespace clew::train {

void Rows::add(std::int64_t number, std::span<const double> row) {
  CLEW_CHECK(row.size() == columns_, "a row must have ", columns_, " numbers, got ", row.size(),
             " (Rows::add)");
  CLEW_CHECK(rows_.emplace(number, std::vector<double>(row.begin(), row.end())).second, "example ",
             number, " was evaluated twice");
}

std::string Rows::bytes() const {
  std::string bytes;
  bytes.reserve(rows_.size() * (columns_ + 1) * sizeof(double));
  for (const auto& [number, row] : rows_) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
    bytes.append(reinterpret_cast<const char*>(row.data()), columns_ * sizeof(double));
  }
  return bytes;
}

void Rows::merge(std::string_view bytes) {
  const std::size_t size = sizeof(std::int64_t) + columns_ * sizeof(double);
  CLEW_CHECK(bytes.size() % size == 0, "an evaluation of rows of ", columns_,
             " numbers cannot be merged with ", bytes.size(), " bytes of another");
  std::vector<double> row(columns_);
  for (; !bytes.empty(); bytes.remove_prefix(size)) {
    std::int64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    std::memcpy(row.data(), bytes.data() + sizeof number, columns_ * sizeof(double));
    add(number, row);
  }
}

double Rows::mean(std::size_t column) const {
  double sum = 0;
  for (const auto& [number, row] : rows_) sum += row.at(column);
  return rows_.empty() ? std::nan("") : sum / static_cast<double>(rows_.size());
}

namespace {

constexpr std::uint64_t kExamples = 0, kOutputs = 1;  // keys

/// Every `networks.size() * processes`-th batch of the set through each network.
std::string evaluate_here(const Task& task, std::span<torch::nn::Module* const> networks,
                          const data::Dataset& set, const EvaluationOptions& options, int rank,
                          int processes) {
  const std::int64_t size = set.size(), batches = (size + options.batch - 1) / options.batch;
  const auto here = static_cast<std::int64_t>(networks.size());
  std::vector<std::unique_ptr<Evaluator>> evaluators(networks.size());
  std::atomic<std::int64_t> done = 0;
  ThreadPool pool(static_cast<int>(networks.size()));
  pool.run([&](int worker) {
    const torch::NoGradGuard no_grad;  // belongs to the thread, as OpenMP's number of threads does
    at::init_num_threads();
    const auto own = static_cast<std::size_t>(worker);
    auto& network = *networks[own];
    network.eval();
    const auto device = nn::device_of(network);
    evaluators[own] = task.make_evaluator();
    for (std::int64_t b = rank * here + worker; b < batches; b += here * processes) {
      std::vector<std::int64_t> indices(static_cast<std::size_t>(
          std::min<std::int64_t>(options.batch, size - b * options.batch)));
      std::iota(indices.begin(), indices.end(), b * options.batch);
      const auto batch =
          data::batch_of(set, indices, data::keys_of(indices, split(options.key, kExamples)));
      const Key key = split(options.key, kOutputs, static_cast<std::uint64_t>(b));
      try {
        if (device.is_cpu()) {
          evaluators[own]->add(task.forward(network, batch, key), batch);
        } else {
          evaluators[own]->add(task.forward(network, batch.to(device), key).to(torch::kCPU), batch);
        }
      } catch (const data::ExampleError& error) {
        throw data::named_example(set, batch, error);
      }
      const auto made = ++done * processes;
      if (worker == 0 && options.on_progress)
        options.on_progress(
            std::min(1.0, static_cast<double>(made) / static_cast<double>(batches)));
    }
  });
  for (std::size_t i = 1; i < evaluators.size(); ++i) evaluators[0]->merge(evaluators[i]->bytes());
  return evaluators[0]->bytes();
}

}  // namespace

std::unique_ptr<Evaluator> evaluate(const Task& task, std::span<torch::nn::Module* const> networks,
                                    const data::Dataset& set, const EvaluationOptions& options) {
  CLEW_CHECK(!networks.empty() && options.batch > 0,
             "an evaluation needs a network and batches, got ", networks.size(),
             " networks and batches of ", options.batch);
  Processes one;
  auto& processes = options.processes == nullptr ? one : *options.processes;
  auto evaluator = task.make_evaluator();
  for (const auto& bytes : processes.gather([&] {
         return evaluate_here(task, networks, set, options, processes.rank(), processes.size());
       }))
    evaluator->merge(bytes);
  return evaluator;
}

}  // namespace clew::train
