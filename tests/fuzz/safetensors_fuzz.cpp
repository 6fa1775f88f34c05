// SPDX-License-Identifier: Apache-2.0
// The checkpoint reader: any bytes give either tensors that lie inside those bytes or a clew::Error, and what was read
// survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

#include "clew/core/error.h"
#include "clew/nn/safetensors.h"
#include "message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  clew::nn::TensorFile file;
  try {
    file = clew::nn::parse_safetensors(bytes, "input");
  } catch (const clew::Error& error) {
    check_message(error.what());
    return 0;
  }
  for (const auto& [name, entry] : file.tensors) {
    std::size_t count = clew::nn::dtype_size(entry.dtype);
    for (const auto side : entry.shape) count *= static_cast<std::size_t>(side);
    check(count == entry.data.size());
    check(entry.data.empty() ||
          (entry.data.data() >= bytes.data() &&
           entry.data.data() + entry.data.size() <= bytes.data() + bytes.size()));
  }
  const auto written = clew::nn::write_safetensors(file);
  const auto again = clew::nn::parse_safetensors(written, "written");
  check(again.tensors.size() == file.tensors.size());
  for (const auto& [name, entry] : file.tensors) {
    const auto& other = again.tensors.at(name);
    check(other.dtype == entry.dtype && other.shape == entry.shape);
    check(other.data.size() == entry.data.size() &&
          std::memcmp(other.data.data(), entry.data.data(), entry.data.size()) == 0);
  }
  return 0;
}
