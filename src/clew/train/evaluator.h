// SPDX-License-Identifier: Apache-2.0
// Evaluators: what a network is worth on a data set, in measures.
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

/// Measures a network on the examples of a set. They come in any order, from several evaluators that
/// are merged; the result does not depend on it.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  Evaluator() = default;
  Evaluator(const Evaluator&) = delete;
  Evaluator& operator=(const Evaluator&) = delete;

  /// What a network gave for a batch (Task::forward), and the batch. Used by one thread at a time.
  virtual void add(const data::Batch& outputs, const data::Batch& batch) = 0;
  /// All that was added, for `merge` in another process.
  virtual std::string bytes() const = 0;
  virtual void merge(std::string_view bytes) = 0;
  /// The measures; always the same names in the same order, NaN where nothing was added.
  virtual std::vector<runs::Measure> result() const = 0;
  /// Tables and curves of an evaluation, such as a confusion matrix or precision over recall.
  virtual std::vector<runs::Table> tables() const { return {}; }
  virtual std::vector<runs::Curve> curves() const { return {}; }
};

/// Rows of numbers by a number of their own, such as an example's: how most evaluators keep what
/// was added.
class Rows {
 public:
  explicit Rows(std::size_t columns) : columns_(columns) {}

  void add(std::int64_t number, std::span<const double> row);
  std::string bytes() const;
  /// Rows that `bytes` gave; bytes of other columns: clew::Error.
  void merge(std::string_view bytes);

  std::size_t size() const { return rows_.size(); }
  std::size_t columns() const { return columns_; }
  /// By ascending number.
  const std::map<std::int64_t, std::vector<double>>& rows() const { return rows_; }
  /// The mean of a column, summed by ascending number; NaN of no rows.
  double mean(std::size_t column) const;

 private:
  std::size_t columns_;
  std::map<std::int64_t, std::vector<double>> rows_;
};

struct EvaluationOptions {
  int batch = 128;                            // examples that go through a network at once
  Key key = {};                               // of the examples and of what forward draws
  std::function<void(double)> on_progress{};  // the share that is done
  Processes* processes = nullptr;             // that share the work; null: this one alone
};

/// Runs the whole of `set` through networks with equal weights, each in a thread of its own and in
/// evaluation mode, in batches that do not depend on their number: the result is the same for any
/// number of networks and processes. With several processes all make this call, and all get the
/// result. Blocks.
std::unique_ptr<Evaluator> evaluate(const Task& task, std::span<torch::nn::Module* const> networks,
                                    const data::Dataset& set, const EvaluationOptions& options);

}  // namespace clew::train
