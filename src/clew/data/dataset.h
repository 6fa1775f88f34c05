// SPDX-License-Identifier: Apache-2.0
// Data sets: indexed examples with named columns. Batches, order and threads: loader.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/example.h"
#include "clew/data/splits.h"

namespace clew::data {

/// Map-style data set. `get` is thread-safe.
class Dataset {
 public:
  virtual ~Dataset() = default;
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  /// Number of examples.
  virtual std::int64_t size() const = 0;
  /// Example `index` in [0, size()). `key` is the only source of randomness: equal keys, equal
  /// bytes.
  virtual Example get(std::int64_t index, const Key& key) const = 0;
  /// Columns of every example.
  virtual Columns columns() const = 0;
  /// Class names by label; empty without labels.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// Source file of example `index`; empty without one.
  virtual std::string origin(std::int64_t index) const {
    (void)index;
    return {};
  }
  /// Hash of everything that `get` depends on beside its arguments. Default: hash of all examples
  /// for one key. Blocks.
  virtual std::uint64_t content_hash() const;
};

/// Keys of a batch's examples: fold_in(key, i) for example i, fold_in(key, i, k) for its k-th
/// repetition.
std::vector<Key> keys_of(const std::vector<std::int64_t>& indices, const Key& key);
/// Batch of examples `indices`, at least one, with one key each. Errors of get, or an example that
/// does not match the columns: clew::Error with its index and file.
Batch batch_of(const Dataset& dataset, const std::vector<std::int64_t>& indices,
               const std::vector<Key>& keys);

/// `error` with index and file of the example at its position in `batch`.
Error named_example(const Dataset& dataset, const Batch& batch, const ExampleError& error);

/// Throws unless `index` is in [0, size()).
void check_index(const Dataset& dataset, std::int64_t index);

}  // namespace clew::data
