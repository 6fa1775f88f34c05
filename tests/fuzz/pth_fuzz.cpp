// SPDX-License-Identifier: Apache-2.0
// The reader of Python's .pth: any bytes give either tensors that lie inside the storages they name, which lie inside
// those bytes, or a clew::Error. The first byte chooses the door: 'f' a whole file, 'k' a pickle on its own.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "clew/core/error.h"
#include "clew/nn/pickle.h"
#include "clew/nn/pth.h"
#include "message.h"

namespace {

void try_file(std::span<const std::byte> bytes) {
  clew::nn::PthFile file;
  try {
    file = clew::nn::parse_pth(bytes, "input");
  } catch (const clew::Error& error) {
    return check_message(error.what());
  }
  for (const auto storage : file.storages)
    check(storage.empty() || (storage.data() >= bytes.data() &&
                              storage.data() + storage.size() <= bytes.data() + bytes.size()));
  for (const auto& tensor : file.tensors) {
    check(tensor.storage < file.storages.size() && tensor.shape.size() == tensor.strides.size());
    std::uint64_t last = tensor.offset;
    bool is_empty = false;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      check(tensor.shape[i] >= 0 && tensor.strides[i] >= 0);
      is_empty |= tensor.shape[i] == 0;
      if (tensor.shape[i] > 0)
        last += static_cast<std::uint64_t>(tensor.shape[i] - 1) *
                static_cast<std::uint64_t>(tensor.strides[i]);
    }
    const auto room = file.storages[tensor.storage].size() / clew::nn::dtype_size(tensor.dtype);
    check(is_empty || last < room);
  }
}

void try_pickle(std::span<const std::byte> bytes) {
  try {
    const auto pickle = clew::nn::parse_pickle(bytes, 0, "input");
    check(pickle.root < pickle.values.size() && pickle.end <= bytes.size());
  } catch (const clew::Error& error) {
    check_message(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span rest(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  if (data[0] == 'k') {
    try_pickle(rest);
  } else {
    try_file(rest);
  }
  return 0;
}
