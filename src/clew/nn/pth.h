// SPDX-License-Identifier: Apache-2.0
// Python's .pth files (torch.save of a possibly nested state dict) as bytes: the zip format of
// torch >= 1.6, and reading of the legacy format. No LibTorch here; weights.h gives tensors.
// Nothing in a file is executed (pickle.h), every size is checked against the file, and metadata
// have limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "clew/nn/safetensors.h"

namespace clew::nn {

/// A tensor of a file: a strided view of a storage, which other tensors may share.
struct PthTensor {
  std::string name;                          // nested dicts joined: "model.conv1.weight"
  std::string dtype;                         // "F32", "BF16", "I64", ... as in safetensors
  std::vector<std::int64_t> shape, strides;  // strides in elements, may be 0
  std::size_t storage = 0;                   // into PthFile::storages
  std::uint64_t offset = 0;                  // of the first element, in elements of `dtype`
};

/// Entries other than tensors: learning rates, step counters, names.
struct PthValue {
  std::string name;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> value;  // None first
};

struct PthFile {
  std::vector<PthTensor> tensors;  // in the order of the file
  std::vector<PthValue> values;
  std::vector<std::span<const std::byte>> storages;  // into the parsed bytes, little-endian
};

/// True for the magic bytes of either format.
bool is_pth(std::span<const std::byte> bytes);

/// Tensors and values of a file, or of the dict `part` in it: "state_dict", "model.encoder";
/// objects outside are ignored. `name` is for errors. A part with anything but tensors and plain
/// values, a truncated file, an inconsistent size: clew::Error with the byte offset.
PthFile parse_pth(std::span<const std::byte> bytes, const std::string& name,
                  const std::string& part = "");

/// .pth (zip format) with an OrderedDict of these tensors in this order, for torch.load, also with
/// weights_only=True. The same entries give the same bytes. Names must be UTF-8 and unique.
std::vector<std::byte> write_pth(std::span<const NamedEntry> tensors);

}  // namespace clew::nn
