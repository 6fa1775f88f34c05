// SPDX-License-Identifier: Apache-2.0
// Examples and batches of named columns, such as image, label, boxes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/tensor.h"

namespace clew::data {

/// A column of a data set. Stacked: a batch holds one tensor [B,...]. Listed: a batch holds one
/// tensor per example, of varying shapes, such as boxes [N,4].
struct Column {
  std::string name;
  std::vector<std::int64_t> shape;  // of one example; -1: varying
  torch::ScalarType type;
  std::string meaning;  // units, range, conventions
  bool is_listed = false;
};
using Columns = std::vector<Column>;

/// Columns image `shape` f32 in [0,1] and label, a class.
Columns image_and_label(std::vector<std::int64_t> shape);

/// One example: a tensor for each column.
class Example {
 public:
  Example() = default;
  Example(std::initializer_list<std::pair<std::string, torch::Tensor>> columns)
      : columns_(columns) {}

  /// Tensor of a column. Unknown: clew::Error naming the present ones.
  const torch::Tensor& operator[](std::string_view name) const;
  bool has(std::string_view name) const;
  /// Adds a column, or replaces its tensor.
  void set(std::string_view name, torch::Tensor tensor);

  const std::vector<std::pair<std::string, torch::Tensor>>& columns() const { return columns_; }

 private:
  std::vector<std::pair<std::string, torch::Tensor>> columns_;
};

/// Collated examples.
class Batch {
 public:
  torch::Tensor indices;  // [B] i64, of the examples in the set; undefined outside a loader

  std::int64_t size() const { return size_; }  // B
  /// A stacked column, [B,...]. A listed or absent one: clew::Error.
  const torch::Tensor& operator[](std::string_view name) const;
  /// A listed column, one tensor per example. A stacked or absent one: clew::Error.
  const std::vector<torch::Tensor>& list(std::string_view name) const;
  bool has(std::string_view name) const;
  /// Names of all columns, in order.
  std::vector<std::string> names() const;
  bool is_listed(std::string_view name) const;
  /// Adds or replaces a stacked column [B,...]. Another B than the present columns': clew::Error.
  void set(std::string_view name, torch::Tensor stacked);
  /// The same for a listed column.
  void set_list(std::string_view name, std::vector<torch::Tensor> listed);
  /// Only these columns, in this order; shares memory.
  Batch select(const std::vector<std::string>& columns) const;

  /// Examples begin..end-1; shares memory.
  Batch slice(std::int64_t begin, std::int64_t end) const;
  /// Copy on a device; shares memory where it is there already.
  Batch to(const torch::Device& device) const;

 private:
  friend Batch collate(const std::vector<Example>& examples, const Columns& columns);
  friend Batch join(const std::vector<Batch>& parts);
  struct Values {
    std::string name;
    torch::Tensor stacked;  // undefined: listed
    std::vector<torch::Tensor> listed;
  };
  const Values& find(std::string_view name) const;
  void put(Values values, std::int64_t size);

  std::int64_t size_ = 0;
  std::vector<Values> columns_;
};

/// An invalid example, with its position in the batch.
class ExampleError : public Error {
 public:
  ExampleError(const std::string& text, std::size_t place) : Error(text), place_(place) {}
  std::size_t place() const { return place_; }

 private:
  std::size_t place_;
};

/// examples, at least one -> batch. A column that is missing, unknown, of another dtype or shape
/// than in `columns`, or, where stacked, of another shape than the first example's: ExampleError.
/// Copies in the calling thread: torch::stack would start a team of OpenMP threads for every loader
/// thread.
Batch collate(const std::vector<Example>& examples, const Columns& columns);

/// Concatenation of batches, at least one. Differing columns: clew::Error.
Batch join(const std::vector<Batch>& parts);

}  // namespace clew::data
