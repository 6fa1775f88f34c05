// SPDX-License-Identifier: Apache-2.0
// Weights in and out of modules: safetensors and Python's .pth, told apart by their content when
// read and by the file name's ending when written. Not checkpoints of a training run, which hold
// more than weights.
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

/// The tensors of a safetensors or .pth file, on the CPU. Nested dicts of a .pth are joined with
/// dots, and `part` picks one of them: "state_dict", "model.encoder". Tensors that shared memory
/// when they were saved share it again. Anything but a sound file: clew::Error. Blocks.
NamedTensors read_tensors(const std::filesystem::path& path, const std::string& part = "");

/// Name, type and shape of a tensor in a file.
struct TensorInfo {
  std::string name, dtype;  // "F32", "BF16", "I64", ... as in safetensors
  std::vector<std::int64_t> shape;

  std::int64_t count() const;  // of its numbers
};

/// Contents of a file of weights.
struct WeightsInfo {
  std::string format;                           // "safetensors" or "pth"
  std::vector<TensorInfo> tensors;              // in the order of the file
  std::vector<std::string> values;              // names of what is no tensor, in a .pth
  std::map<std::string, std::string> metadata;  // of a safetensors file
};

/// Contents of a file, or of a part of it as in read_tensors, without its numbers. Anything but a sound
/// file: clew::Error. Blocks.
WeightsInfo weights_info(const std::filesystem::path& path, const std::string& part = "");
/// The same of tensors at hand, without a format.
WeightsInfo weights_info(const NamedTensors& tensors);

/// Writes contiguous copies, in their order, in one step: the file is the old one or whole.
/// ".safetensors" or ".pth" (which Python's torch.load opens, weights_only too). Another ending, a name that is there
/// twice or is no UTF-8: clew::Error before anything is written. Blocks.
void write_tensors(const std::filesystem::path& path, const NamedTensors& tensors);

/// A module's parameters and buffers under torchvision's kind of names ("layer1.0.conv1.weight"),
/// in the order of Python's state_dict. They share memory with the module.
NamedTensors state_of(const torch::nn::Module& module);
/// 16 hexadecimal digits of names, types, shapes and values, in this order.
std::string hash_of(const NamedTensors& tensors);

struct LoadOptions {
  std::string part = {};  // of a .pth: see read_tensors
  /// The module's name for a name in the file; "" drops the entry.
  std::function<std::string(const std::string&)> rename = {};
  /// Beginnings of the module's names that keep their values, whatever the file holds: {"fc."}.
  std::vector<std::string> skip = {};
  // What is reported instead of refused.
  bool allows_missing = false, allows_unexpected = false, allows_misshapen = false;
};

/// What a load did, entry by entry; names are the module's.
struct LoadReport {
  struct Misshapen {
    std::string name, wanted, got;  // "f32 [64,3,7,7]"
    bool has_shape = false;         // only the type is another
  };
  std::vector<std::string> loaded;
  std::vector<std::string> missing;     // the module wants it, the file has it not
  std::vector<std::string> unexpected;  // the file has it, the module wants it not
  std::vector<Misshapen> misshapen;     // another shape, or whole numbers for real ones
  std::vector<std::string> skipped;     // by LoadOptions::skip

  /// One line: "62 loaded, 2 missing (fc.weight, fc.bias)".
  std::string text() const;
};

/// Copies values into the module's parameters and buffers; real types convert to the module's, and so
/// do whole ones, but no number may be too large for it. Unless the options allow it, a missing,
/// unexpected or misshapen entry is a clew::Error that names the first few and, where all would fit
/// behind some prefix, the options that would load them; the module is as it was. A missing "num_batches_tracked" (files from
/// before torch 0.4.1) is reported, never refused. Blocks.
LoadReport load_weights(torch::nn::Module& module, const std::filesystem::path& path,
                        const LoadOptions& options = {});
/// The same from tensors at hand; `where` is for errors.
LoadReport load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                        const std::string& where, const LoadOptions& options = {});

/// write_tensors of state_of.
void save_weights(const torch::nn::Module& module, const std::filesystem::path& path);

}  // namespace clew::nn
