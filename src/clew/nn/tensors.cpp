// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/tensors.h"

#include <torch/torch.h>

#include <cstring>

#include "clew/core/error.h"

namespace clew::nn {
namespace {

std::string dtype_name(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64:
      return "F64";
    case torch::kFloat32:
      return "F32";
    case torch::kFloat16:
      return "F16";
    case torch::kBFloat16:
      return "BF16";
    case torch::kInt64:
      return "I64";
    case torch::kInt32:
      return "I32";
    case torch::kInt16:
      return "I16";
    case torch::kInt8:
      return "I8";
    case torch::kUInt8:
      return "U8";
    case torch::kBool:
      return "BOOL";
    default:
      throw Error(concat("a safetensors file cannot hold ", torch::toString(dtype)));
  }
}

std::string shape_text(torch::IntArrayRef shape) { return concat(shape); }

const TensorEntry& find(const TensorFile& file, const std::string& name, const std::string& where) {
  const auto found = file.tensors.find(name);
  CLEW_CHECK(found != file.tensors.end(), where, ": tensor '", name, "' is missing");
  return found->second;
}

}  // namespace

void TensorFileBuilder::add(const std::string& name, const torch::Tensor& tensor) {
  const auto& kept = kept_.emplace_back(tensor.detach().to(torch::kCPU).contiguous().clone());
  TensorEntry entry;
  entry.dtype = dtype_name(kept.scalar_type());
  entry.shape = kept.sizes().vec();
  entry.data = {static_cast<const std::byte*>(kept.data_ptr()), kept.nbytes()};
  file_.tensors[name] = entry;
}

void TensorFileBuilder::add_bytes(const std::string& name, std::span<const std::byte> bytes) {
  auto tensor = torch::empty({static_cast<std::int64_t>(bytes.size())}, torch::kUInt8);
  if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  add(name, tensor);
}

torch::Tensor read_tensor(const TensorFile& file, const std::string& name, torch::ScalarType dtype,
                          torch::IntArrayRef shape, const std::string& where) {
  const auto& entry = find(file, name, where);
  const auto wanted = dtype_name(dtype);
  CLEW_CHECK(entry.dtype == wanted, where, ": tensor '", name, "' must be ", wanted, ", got ",
             entry.dtype);
  CLEW_CHECK(shape.empty() || torch::IntArrayRef(entry.shape) == shape, where, ": tensor '", name,
             "' must be ", shape_text(shape), ", got ", shape_text(entry.shape));
  auto tensor = torch::empty(entry.shape, dtype);
  if (!entry.data.empty()) std::memcpy(tensor.data_ptr(), entry.data.data(), entry.data.size());
  return tensor;
}

std::span<const std::byte> read_bytes(const TensorFile& file, const std::string& name,
                                      const std::string& where) {
  const auto& entry = find(file, name, where);
  CLEW_CHECK(entry.dtype == "U8", where, ": tensor '", name, "' must be U8, got ", entry.dtype);
  return entry.data;
}

const std::string& read_meta(const TensorFile& file, const std::string& key,
                             const std::string& where) {
  const auto found = file.metadata.find(key);
  CLEW_CHECK(found != file.metadata.end(), where, ": metadata '", key, "' is missing");
  return found->second;
}

}  // namespace clew::nn
