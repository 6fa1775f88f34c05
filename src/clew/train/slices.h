// SPDX-License-Identifier: Apache-2.0
// Slices of a batch: metrics and outputs, and their serialisation for other processes. Private to
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

/// Weighted means of metrics by name.
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
  /// Without a value where nothing was added since `clear`, which keeps the names.
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
  /// State as sum and weight of each name; `set` is the inverse.
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
  double weight = 0;  // Loss::weight
  std::vector<runs::Metric> metrics{};
};

/// Slices as text, one a line, numbers without rounding.
std::string slice_text(const std::vector<Slice>& slices);
std::vector<Slice> parse_slices(const std::string& text);

/// A batch as a safetensors container.
std::string batch_bytes(const data::Batch& batch,
                        const std::map<std::string, std::string>& metadata = {});
/// Inverse of batch_bytes; fills `metadata`. Malformed: clew::Error beginning with `where`.
data::Batch parse_batch(const std::string& bytes, const std::string& where,
                        std::map<std::string, std::string>* metadata = nullptr);

/// Detached tensors; those with a graph become leaves that require a gradient.
data::Batch as_leaves(const data::Batch& batch);
/// Tensors of a batch, column by column.
std::vector<torch::Tensor> tensors_of(const data::Batch& batch);
/// Backward pass from the outputs with a graph, with gradients [as tensors_of]; undefined ones are
/// skipped.
void backward(const data::Batch& outputs, const std::vector<torch::Tensor>& gradients);

/// A loss that is not a finite scalar with a graph, or a weight not finite or negative:
/// clew::Error.
void check_loss(const Loss& loss);

/// Comma-separated names.
std::vector<std::string> split_commas(const std::string& text);

}  // namespace clew::train
