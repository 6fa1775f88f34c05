// SPDX-License-Identifier: Apache-2.0
// Evaluators: metrics of a network on a data set.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/dataset.h"
#include "clew/data/example.h"
#include "clew/runs/evaluation.h"

namespace clew::train {

class Processes;  // processes.h
class Task;       // task.h

/// Accumulator of evaluation metrics. The result depends neither on the order of the examples nor
/// on how they were split over evaluators that are merged.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  Evaluator() = default;
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  /// Adds a batch and its outputs (Task::forward). Not thread-safe.
  virtual void add(const data::Batch& outputs, const data::Batch& batch) = 0;
  /// Serialised state, for `merge` in another process.
  virtual std::string bytes() const = 0;
  virtual void merge(std::string_view bytes) = 0;
  /// Measures, always with the same names in the same order; NaN before the first `add`.
  virtual std::vector<runs::Measure> result() const = 0;
  /// Tables and curves, such as a confusion matrix or precision over recall.
  virtual std::vector<runs::Table> tables() const { return {}; }
  virtual std::vector<runs::Curve> curves() const { return {}; }
};

/// Rows of numbers by a key, such as the example's index: the state of most evaluators.
class Rows {
 public:
  explicit Rows(std::size_t columns) : columns_(columns) {}

  void add(std::int64_t number, std::span<const double> row);
  std::string bytes() const;
  /// Adds the rows of another's `bytes`. Another number of columns: clew::Error.
  void merge(std::string_view bytes);

  std::size_t size() const { return rows_.size(); }
  std::size_t columns() const { return columns_; }
  /// By ascending key.
  const std::map<std::int64_t, std::vector<double>>& rows() const { return rows_; }
  /// Mean of a column, summed by ascending key; NaN without rows.
  double mean(std::size_t column) const;

 private:
  std::size_t columns_;
  std::map<std::int64_t, std::vector<double>> rows_;
};

struct EvaluationOptions {
  int batch = 128;                            // batch size
  Key key = {};                               // of the examples and of Task::forward
  std::function<void(double)> on_progress{};  // fraction done, in [0,1]
  Processes* processes = nullptr;             // that share the work; null: this process alone
};

/// Evaluates `set` with networks of equal weights, one thread each, in evaluation mode. The result
/// is the same for any number of networks and processes. Collective: every process calls it and
/// gets the result. Blocks.
std::unique_ptr<Evaluator> evaluate(const Task& task, std::span<torch::nn::Module* const> networks,
                                    const data::Dataset& set, const EvaluationOptions& options);

}  // namespace clew::train
