// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/tensors.h"

#include <torch/types.h>

#include <cstring>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::nn {
namespace {

constexpr std::pair<const char*, torch::ScalarType> kTypes[] = {
    {"F64", torch::kFloat64},   {"F32", torch::kFloat32}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"I64", torch::kInt64},   {"I32", torch::kInt32},
    {"I16", torch::kInt16},     {"I8", torch::kInt8},     {"U8", torch::kUInt8},
    {"BOOL", torch::kBool}};

std::string shape_text(torch::IntArrayRef shape) { return concat(shape); }

const TensorEntry& find(const TensorFile& file, const std::string& name, const std::string& where) {
  const auto found = file.tensors.find(name);
  CLEW_CHECK(found != file.tensors.end(), where, ": tensor '", excerpt(name), "' is missing");
  return found->second;
}

}  // namespace

std::string dtype_name(torch::ScalarType dtype) {
  for (const auto& [name, type] : kTypes)
    if (type == dtype) return name;
  throw Error(concat("a file of weights cannot hold ", torch::toString(dtype)));
}

torch::ScalarType scalar_type(const std::string& dtype, const std::string& where) {
  for (const auto& [name, type] : kTypes)
    if (name == dtype) return type;
  throw Error(concat(where, ": LibTorch has no type ", dtype));
}

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
  CLEW_CHECK(entry.dtype == wanted, where, ": tensor '", excerpt(name), "' must be ", wanted,
             ", got ", entry.dtype);
  CLEW_CHECK(shape.empty() || torch::IntArrayRef(entry.shape) == shape, where, ": tensor '",
             excerpt(name), "' must be ", shape_text(shape), ", got ", shape_text(entry.shape));
  auto tensor = torch::empty(entry.shape, dtype);
  if (!entry.data.empty()) std::memcpy(tensor.data_ptr(), entry.data.data(), entry.data.size());
  return tensor;
}

std::span<const std::byte> read_bytes(const TensorFile& file, const std::string& name,
                                      const std::string& where) {
  const auto& entry = find(file, name, where);
  CLEW_CHECK(entry.dtype == "U8", where, ": tensor '", excerpt(name), "' must be U8, got ",
             entry.dtype);
  return entry.data;
}

const std::string& read_meta(const TensorFile& file, const std::string& key,
                             const std::string& where) {
  const auto found = file.metadata.find(key);
  CLEW_CHECK(found != file.metadata.end(), where, ": metadata '", key, "' is missing");
  return found->second;
}

}  // namespace clew::nn
