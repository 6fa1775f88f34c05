// SPDX-License-Identifier: Apache-2.0
// What a data set is: numbered examples, each a pair of tensors. Batching, order and threads are
// the loader's business.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/key.h"

namespace clew::data {

/// One example. target is 0-d i64 for classes; each set says what its tensors are.
struct Sample {
  torch::Tensor input;
  torch::Tensor target;
};

/// Examples side by side.
struct Batch {
  torch::Tensor inputs;   // [B,...]
  torch::Tensor targets;  // [B,...]
  torch::Tensor indices;  // [B] i64, which examples of the set these are
};

/// Numbered examples. `get` and `collate` may be called by several threads at once.
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
  virtual Sample get(std::int64_t index, const Key& key) const = 0;
  /// Stacks inputs and targets along a new first axis; indices stay undefined. Samples whose
  /// shapes or types differ are a clew::Error: a set with such samples overrides this.
  virtual Batch collate(std::vector<Sample> samples) const;
  /// The name of every class, in the order of their numbers; empty where targets are no classes.
  virtual std::vector<std::string> class_names() const { return {}; }
  /// The file that example `index` comes from; empty where there is none of its own.
  virtual std::string origin(std::int64_t index) const {
    (void)index;
    return {};
  }
};

/// What a data set is for.
enum class Split { kTrain, kTest };

/// Throws unless `index` is in [0, size()).
void check_index(const Dataset& dataset, std::int64_t index);

/// What stack refuses, and the first place in the batch that does not go with the others.
class StackError : public Error {
 public:
  StackError(const std::string& text, std::size_t place) : Error(text), place_(place) {}
  std::size_t place() const { return place_; }

 private:
  std::size_t place_;
};

/// tensors of one shape and type -> [B,...], else StackError. By memcpy in the calling thread: LibTorch's own stack
/// would wake a team of OpenMP threads for every loader thread. `what` is for the error text.
torch::Tensor stack(const std::vector<torch::Tensor>& tensors, const std::string& what);

}  // namespace clew::data
