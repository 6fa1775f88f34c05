// SPDX-License-Identifier: Apache-2.0
// Cache of a frozen prefix's outputs: computed once per example, read by every step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/data/dataset.h"
#include "clew/ops/tensor.h"

namespace clew::train {

class Processes;  // processes.h

/// Part of a network before the first trainable weight. The task's `forward` gives the same result
/// from `outputs` as from `inputs`.
struct FrozenPrefix {
  /// batch -> `outputs`, [B,...] each. Called in evaluation mode, without autograd.
  std::function<data::Batch(torch::nn::Module& network, const data::Batch& batch)> run{};
  data::Columns outputs{};            // such as features [1280] f32
  std::vector<std::string> inputs{};  // columns that only the prefix reads, such as image
};

struct KeepOptions {
  int versions = 1;                           // augmented versions of each example
  int batch = 128;                            // batch size
  Key key = {};                               // of the versions
  std::string weights{};                      // hash of the frozen weights (nn::hash_of)
  std::filesystem::path folder{};             // cache folder; empty: memory only
  std::string name{};                         // name of the set, in FOLDER/NAME-<hash>.safetensors
  Processes* processes = nullptr;             // that share the work; null: this process alone
  std::function<void(double)> on_progress{};  // fraction done, in [0,1]
};

/// `set` with the outputs of `prefix` in place of its inputs; the key of `get` chooses the version.
/// Computed by `networks` of equal weights, one thread each, or read from the folder, where the
/// cache key is a hash of examples, weights, key and number of versions. The bytes do not depend on
/// the number of networks and processes. Collective: every process calls it, only rank 0 touches
/// the folder. `set` must outlive the result. A file that cannot be read, or has outputs of other
/// weights or examples: clew::Error. Blocks.
std::unique_ptr<data::Dataset> keep_outputs(const data::Dataset& set, const FrozenPrefix& prefix,
                                            std::span<torch::nn::Module* const> networks,
                                            const KeepOptions& options);

}  // namespace clew::train
