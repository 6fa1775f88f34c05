// SPDX-License-Identifier: Apache-2.0
// What a data set is: numbered examples with named columns. Batching, order and threads are the
// loader's business.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/core/names.h"
#include "clew/data/example.h"

namespace clew::data {

/// Numbered examples. `get` may be called by several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;

  /// How many examples there are.
  virtual std::int64_t size() const = 0;
  /// Example `index` in [0, size()). Everything random in it comes from `key`: equal keys, equal
  /// bytes.
  virtual Example get(std::int64_t index, const Key& key) const = 0;
  /// The columns of every example.
  virtual Columns columns() const = 0;
  /// The name of every class, in the order of their numbers; empty where there is no label.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// The file that example `index` comes from; empty where there is none of its own.
  virtual std::string origin(std::int64_t index) const {
    (void)index;
    return {};
  }
  /// Hash of what `get` depends on beside its arguments: of other examples it differs. Without a
  /// shorter way, that of all examples for one key. Blocks.
  virtual std::uint64_t content_hash() const;
};

/// What a data set is for.
enum class Split { kTrain, kValidation, kTest };
constexpr auto names(Split) {
  return std::to_array<Named<Split>>(
      {{Split::kTrain, "train"}, {Split::kValidation, "val"}, {Split::kTest, "test"}});
}

/// The keys of examples of a batch: fold_in(key, i) for example i, fold_in(key, i, k) where it comes the
/// k-th time again.
std::vector<Key> keys_of(const std::vector<std::int64_t>& indices, const Key& key);
/// Examples `indices`, at least one, drawn from as many keys, as a batch. What get throws, or an
/// example that does not fit the columns: clew::Error with its number and file.
Batch batch_of(const Dataset& dataset, const std::vector<std::int64_t>& indices,
               const std::vector<Key>& keys);

/// `error`, which speaks of a place in `batch`, with the number and the file of the example of `dataset` there.
Error named_example(const Dataset& dataset, const Batch& batch, const ExampleError& error);

/// Throws unless `index` is in [0, size()).
void check_index(const Dataset& dataset, std::int64_t index);

}  // namespace clew::data
