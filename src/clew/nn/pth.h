// SPDX-License-Identifier: Apache-2.0
// Python's .pth files (torch.save of a state dict or of dicts around one), read and written as
// bytes: the zip form of torch >= 1.6 and the legacy form before it. No LibTorch here; weights.h
// gives tensors. Nothing in a file is executed (pickle.h), and every size is checked against the
// file: numbers never take more memory than the file, and what describes them has limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "clew/nn/safetensors.h"

namespace clew::nn {

/// A tensor of a file: a window into a storage, which other tensors may share.
struct PthTensor {
  std::string name;                          // nested dicts joined: "model.conv1.weight"
  std::string dtype;                         // "F32", "BF16", "I64", ... as in safetensors
  std::vector<std::int64_t> shape, strides;  // strides in elements, may be 0
  std::size_t storage = 0;                   // into PthFile::storages
  std::uint64_t offset = 0;                  // of the first element, in elements of `dtype`
};

/// What is no tensor: learning rates, step counters, names.
struct PthValue {
  std::string name;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> value;  // None first
};

struct PthFile {
  std::vector<PthTensor> tensors;  // in the order of the file
  std::vector<PthValue> values;
  std::vector<std::span<const std::byte>> storages;  // into the parsed bytes, little-endian
};

/// The bytes look like a .pth of either form.
bool is_pth(std::span<const std::byte> bytes);

/// Reads the tensors and values of a file, or of the dict `part` in it: "state_dict",
/// "model.encoder". `name` is for errors. Objects outside the part are passed over. A part that holds
/// anything but tensors and plain values, a file that is cut short or lies about a size: clew::Error
/// with what and at which byte.
PthFile parse_pth(std::span<const std::byte> bytes, const std::string& name,
                  const std::string& part = "");

/// A .pth (zip form) holding an OrderedDict of these tensors in this order, which Python's
/// torch.load opens, also with weights_only=True. The same entries give the same bytes. Names must
/// be UTF-8 and differ.
std::vector<std::byte> write_pth(std::span<const NamedEntry> tensors);

}  // namespace clew::nn
