// SPDX-License-Identifier: Apache-2.0
// Outputs of the frozen part of a network, computed once for each example and read by every step.
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

/// The part of a network before the first weight that learns. A task whose `forward` takes `outputs` in place of
/// `inputs` gives the same from them.
struct FrozenPrefix {
  /// `outputs` of a batch, [B,...] each. Called in evaluation mode and without a graph.
  std::function<data::Batch(torch::nn::Module& network, const data::Batch& batch)> run{};
  data::Columns outputs{};            // such as features [1280] f32
  std::vector<std::string> inputs{};  // columns that nothing behind it reads, such as image
};

struct KeepOptions {
  int versions = 1;                // of each example, with draws of their own
  int batch = 128;                 // examples that go through a network at once
  Key key = {};                    // of the versions
  std::string weights{};           // hash of the frozen weights (nn::hash_of)
  std::filesystem::path folder{};  // where they are stored; empty: in memory alone
  std::string name{};              // of the set, for the file: FOLDER/NAME-<hash>.safetensors
  Processes* processes = nullptr;  // that share the work; null: this one alone
  std::function<void(double)> on_progress{};  // the share that is done
};

/// `set` with the outputs of `prefix` in place of its inputs; get's key draws one of the versions.
/// Computed by `networks` with equal weights, each in a thread of its own, or read from the folder, where
/// they are found by the content of the set, the weights, the key and the number of versions. The bytes
/// do not depend on the number of networks and processes. With several processes all make this call, and that of rank 0
/// alone touches the folder. `set` must outlive the result. A file of that name with outputs of other
/// weights or examples, or that cannot be read: clew::Error. Blocks.
std::unique_ptr<data::Dataset> keep_outputs(const data::Dataset& set, const FrozenPrefix& prefix,
                                            std::span<torch::nn::Module* const> networks,
                                            const KeepOptions& options);

}  // namespace clew::train
