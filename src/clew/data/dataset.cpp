// SPDX-License-Identifier: Apache-2.0
#include "clew/data/dataset.h"

#include <c10/util/Exception.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {

std::uint64_t Dataset::content_hash() const {
  std::uint64_t hash = 0;
  for (std::int64_t i = 0; i < size(); ++i) {
    const Example example = get(i, Key{});
    for (const auto& [name, tensor] : example.columns()) {
      const auto plain = tensor.contiguous();
      hash = hash_text(concat(name, tensor.scalar_type(), tensor.sizes()), hash);
      hash = hash64({static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()}, hash);
    }
  }
  return hash;
}

void check_index(const Dataset& dataset, std::int64_t index) {
  CLEW_CHECK(index >= 0 && index < dataset.size(), "an example's index must be in 0..",
             dataset.size() - 1, ", got ", index);
}

std::vector<Key> keys_of(const std::vector<std::int64_t>& indices, const Key& key) {
  std::unordered_map<std::int64_t, std::uint64_t> times;
  std::vector<Key> keys;
  keys.reserve(indices.size());
  for (const std::int64_t index : indices) {
    const Key own = fold_in(key, static_cast<std::uint64_t>(index));
    const std::uint64_t before = times[index]++;
    keys.push_back(before == 0 ? own : fold_in(own, before));
  }
  return keys;
}

namespace {

Error named(const Dataset& dataset, std::int64_t index, const std::string& what) {
  const std::string origin = dataset.origin(index);
  const bool is_said = origin.empty() || what.find(origin) != std::string::npos;
  return Error(concat(what, " (example ", index, is_said ? "" : ", ", is_said ? "" : origin, ")"));
}

}  // namespace

Error named_example(const Dataset& dataset, const Batch& batch, const ExampleError& error) {
  const auto place = static_cast<std::int64_t>(error.place());
  if (!batch.indices.defined() || place >= batch.size()) return Error(error.what());
  return named(dataset, batch.indices[place].item<std::int64_t>(), error.what());
}

Batch batch_of(const Dataset& dataset, const std::vector<std::int64_t>& indices,
               const std::vector<Key>& keys) {
  CLEW_CHECK(keys.size() == indices.size(), "a batch of ", indices.size(),
             " examples needs as many keys, got ", keys.size(), " (batch_of)");
  std::vector<Example> examples;
  examples.reserve(indices.size());
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const std::int64_t index = indices[i];
    try {
      examples.push_back(dataset.get(index, keys[i]));
    } catch (const Error& error) {
      throw named(dataset, index, error.what());
    } catch (const c10::Error& error) {
      throw named(dataset, index, error.what_without_backtrace());
    }
  }
  try {
    Batch batch = collate(examples, dataset.columns());
    batch.indices = torch::empty({batch.size()}, torch::kInt64);
    std::copy(indices.begin(), indices.end(), batch.indices.data_ptr<std::int64_t>());
    return batch;
  } catch (const ExampleError& error) {
    throw named(dataset, indices[error.place()], error.what());
  }
}

}  // namespace clew::data
