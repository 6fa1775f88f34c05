// SPDX-License-Identifier: Apache-2.0
// Conversion between LibTorch tensors and safetensors entries.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "clew/nn/safetensors.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

/// safetensors name of a dtype, "F32". Unsupported: clew::Error.
std::string dtype_name(torch::ScalarType dtype);
/// Inverse. Unsupported by LibTorch (U16, ...): clew::Error naming `where`.
torch::ScalarType scalar_type(const std::string& dtype, const std::string& where);

/// Elements of a contiguous tensor of dtype T.
template <class T>
std::span<T> values_of(const torch::Tensor& tensor) {
  return {tensor.data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}

/// Builder of a container; owns contiguous copies.
class TensorFileBuilder {
 public:
  void add(const std::string& name, const torch::Tensor& tensor);
  void add_bytes(const std::string& name, std::span<const std::byte> bytes);  // as U8
  void set(const std::string& key, const std::string& value) { file_.metadata[key] = value; }
  std::vector<std::byte> finish() const { return write_safetensors(file_); }

 private:
  TensorFile file_;
  std::deque<torch::Tensor> kept_;
};

/// Copy of an entry as a CPU tensor. Missing, another dtype or shape: clew::Error naming `where`
/// and `name`. An empty `shape` accepts any.
torch::Tensor read_tensor(const TensorFile& file, const std::string& name, torch::ScalarType dtype,
                          torch::IntArrayRef shape, const std::string& where);
/// The entry's bytes (dtype U8).
std::span<const std::byte> read_bytes(const TensorFile& file, const std::string& name,
                                      const std::string& where);
/// The metadata value, or clew::Error.
const std::string& read_meta(const TensorFile& file, const std::string& key,
                             const std::string& where);

}  // namespace clew::nn
