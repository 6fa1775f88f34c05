// SPDX-License-Identifier: Apache-2.0
#include "clew/train/evaluator.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cmath>
#include <cstring>

#include "clew/core/error.h"
#include "clew/train/passes.h"
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

/// This process's part.
std::string evaluate_here(const Task& task, std::span<torch::nn::Module* const> networks,
                          const data::Dataset& set, const EvaluationOptions& options,
                          const Processes& processes) {
  std::vector<std::unique_ptr<Evaluator>> evaluators;
  for (std::size_t i = 0; i < networks.size(); ++i) evaluators.push_back(task.make_evaluator());
  pass_over(networks, set,
            {.batch = options.batch,
             .key = fold_in(options.key, kExamples),
             .rank = processes.rank(),
             .processes = processes.size(),
             .on_progress = options.on_progress},
            [&](std::size_t network, std::int64_t number, const data::Batch& batch) {
              const Key key = fold_in(options.key, kOutputs, static_cast<std::uint64_t>(number));
              evaluators[network]->add(task.forward(*networks[network], batch, key).to(torch::kCPU),
                                       batch.to(torch::kCPU));
            });
  for (std::size_t i = 1; i < evaluators.size(); ++i) evaluators[0]->merge(evaluators[i]->bytes());
  return evaluators[0]->bytes();
}

}  // namespace

std::unique_ptr<Evaluator> evaluate(const Task& task, std::span<torch::nn::Module* const> networks,
                                    const data::Dataset& set, const EvaluationOptions& options) {
  Processes one;
  auto& processes = options.processes == nullptr ? one : *options.processes;
  auto evaluator = task.make_evaluator();
  for (const auto& bytes :
       processes.gather([&] { return evaluate_here(task, networks, set, options, processes); }))
    evaluator->merge(bytes);
  return evaluator;
}

}  // namespace clew::train
