// SPDX-License-Identifier: Apache-2.0
// Slices of a batch: their metrics and outputs, within a process and on the way to the others. Private to
// the module.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "clew/data/example.h"
#include "clew/ops/tensor.h"
#include "clew/runs/metrics.h"
#include "clew/train/task.h"

namespace clew::train {

/// Weighted means of metrics, matched by name.
class Means {
 public:
  void add(const std::vector<runs::Metric>& metrics, double weight) {
    for (const auto& metric : metrics) {
      const auto found = std::ranges::find(sums_, metric.name, &Sum::name);
      auto& sum = found != sums_.end() ? *found : sums_.emplace_back(Sum{.name = metric.name});
      sum.value += metric.value.value_or(std::nan("")) * weight;
      sum.weight += weight;
    }
  }
  /// Absent where nothing was added since `clear`, which keeps the names.
  std::vector<runs::Metric> get() const {
    std::vector<runs::Metric> metrics;
    for (const auto& sum : sums_) {
      metrics.push_back({.name = sum.name, .value = {}});
      if (sum.weight > 0) metrics.back().value = sum.value / sum.weight;
    }
    return metrics;
  }
  void clear() {
    for (auto& sum : sums_) sum.value = sum.weight = 0;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& sum : sums_) names.push_back(sum.name);
    return names;
  }
  /// Sum and weight of each name, and back.
  std::vector<double> numbers() const {
    std::vector<double> numbers;
    for (const auto& sum : sums_) numbers.insert(numbers.end(), {sum.value, sum.weight});
    return numbers;
  }
  void set(const std::vector<std::string>& names, const double* numbers) {
    sums_.clear();
    for (const auto& name : names) {
      sums_.push_back({.name = name, .value = numbers[0], .weight = numbers[1]});
      numbers += 2;
    }
  }

 private:
  struct Sum {
    std::string name;
    double value = 0, weight = 0;
  };
  std::vector<Sum> sums_;
};

/// Metrics of one slice of a batch.
struct Slice {
  double weight = 0;  // how much counted in it (Loss::weight)
  std::vector<runs::Metric> metrics{};
};

/// Slices for the other processes: a line each, numbers without rounding.
std::string slice_text(const std::vector<Slice>& slices);
std::vector<Slice> parse_slices(const std::string& text);

/// A batch as a safetensors container, for other processes and files, with
/// metadata of its own.
std::string batch_bytes(const data::Batch& batch,
                        const std::map<std::string, std::string>& metadata = {});
/// Back; `metadata` gets all that there is. Not such a container: clew::Error beginning with `where`.
data::Batch parse_batch(const std::string& bytes, const std::string& where,
                        std::map<std::string, std::string>* metadata = nullptr);

/// The same tensors without their graph; those that had one are its leaves and want a gradient.
data::Batch as_leaves(const data::Batch& batch);
/// The tensors of a batch, column by column.
std::vector<torch::Tensor> tensors_of(const data::Batch& batch);
/// Back from the outputs that have a graph, with gradients [as tensors_of]; undefined ones are left out.
void backward(const data::Batch& outputs, const std::vector<torch::Tensor>& gradients);

/// A loss that is no finite number with a graph, or whose weight is none: clew::Error.
void check_loss(const Loss& loss);

/// Names that commas join.
std::vector<std::string> split_commas(const std::string& text);

}  // namespace clew::train
