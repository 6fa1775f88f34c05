// SPDX-License-Identifier: Apache-2.0
// Loading and saving of module weights: safetensors and Python's .pth, detected by content when
// read, by extension when written. Not checkpoints of a training run, which hold more than weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "clew/ops/tensor.h"

namespace clew::nn {

/// Tensors by name, in the order of the file or of the module.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Tensors of a safetensors or .pth file, on the CPU. Names of nested dicts in a .pth are joined
/// with dots; `part` selects one: "state_dict", "model.encoder". Shared memory is preserved.
/// Malformed: clew::Error. Blocks.
NamedTensors read_tensors(const std::filesystem::path& path, const std::string& part = "");

/// Name, type and shape of a tensor in a file.
struct TensorInfo {
  std::string name, dtype;  // "F32", "BF16", "I64", ... as in safetensors
  std::vector<std::int64_t> shape;

  std::int64_t count() const;  // of elements
};

/// Contents of a weights file.
struct WeightsInfo {
  std::string format;                           // "safetensors" or "pth"
  std::vector<TensorInfo> tensors;              // in the order of the file
  std::vector<std::string> values;              // names of other entries, in a .pth
  std::map<std::string, std::string> metadata;  // of a safetensors file
};

/// Contents of a file, or of a part of it as in read_tensors, without tensor data. Malformed:
/// clew::Error. Blocks.
WeightsInfo weights_info(const std::filesystem::path& path, const std::string& part = "");
/// The same for tensors in memory, without a format.
WeightsInfo weights_info(const NamedTensors& tensors);

/// Writes tensors in their order, atomically, as ".safetensors" or ".pth" (for torch.load, also
/// with weights_only). Another extension, a duplicate or non-UTF-8 name: clew::Error, nothing
/// written. Blocks.
void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors);

/// State dict of a module: parameters and buffers ("layer1.0.conv1.weight") in the order of
/// Python's state_dict; shares memory with the module.
NamedTensors state_of(const torch::nn::Module& module);
/// Hash of names, types, shapes and values, 16 hexadecimal digits.
std::string hash_of(const NamedTensors& tensors);

struct LoadOptions {
  std::string part = {};  // of a .pth: see read_tensors
  /// Maps a name in the file to the module's; "" drops the entry.
  std::function<std::string(const std::string&)> rename = {};
  /// Prefixes of module names that are not loaded: {"fc."}.
  std::vector<std::string> skip = {};
  // Reported instead of an error.
  bool allows_missing = false, allows_unexpected = false, allows_misshapen = false;
};

/// Result of a load by entry, under the module's names.
struct LoadReport {
  struct Misshapen {
    std::string name, wanted, got;  // "f32 [64,3,7,7]"
    bool has_shape = false;         // only the type differs
  };
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     // in the module only
  std::vector<std::string> unexpected;  // in the file only
  std::vector<Misshapen> misshapen;     // another shape, or incompatible type
  std::vector<std::string> skipped;     // by LoadOptions::skip

  /// One line: "62 loaded, 2 missing (fc.weight, fc.bias)".
  std::string text() const;
};

/// Copies values into the module's parameters and buffers, converting between floating types and
/// between integer types; overflow is an error. Unless allowed by the options, missing, unexpected
/// or misshapen entries are a clew::Error that names the first few and, if all would fit with some
/// prefix, the options for that; the module is then unchanged. A missing "num_batches_tracked"
/// (files from before torch 0.4.1) is only reported. Blocks.
LoadReport load_weights(torch::nn::Module& module, const std::filesystem::path& path,
                        const LoadOptions& options = {});
/// The same from tensors in memory; `where` is for errors.
LoadReport load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                        const std::string& where, const LoadOptions& options = {});

/// write_tensors of state_of.
void save_weights(const torch::nn::Module& module, const std::filesystem::path& path);

}  // namespace clew::nn
