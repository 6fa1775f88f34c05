// SPDX-License-Identifier: Apache-2.0
// The safetensors container (8 bytes of length, a JSON header, raw little-endian data) as bytes. No
// LibTorch here; conversion to tensors: tensors.h. Lengths, offsets, shapes and, in our own files,
// a checksum of the data are checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

/// One tensor of a container, which owns the bytes.
struct TensorEntry {
  std::string dtype;  // "F32", "BF16", "I64", "U8", ... as in the format
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // row-major, little-endian
};

struct NamedEntry {
  std::string name;
  TensorEntry entry;
};

struct TensorFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, TensorEntry> tensors;  // views into the parsed bytes
};

/// Bytes per element; 0 for an unknown type.
std::size_t dtype_size(const std::string& dtype);

/// Parses a container; `name` is for errors. The result has views into `bytes`. Entries must tile
/// the data section without gap or overlap, in any order; keys must be unique. Malformed:
/// clew::Error.
TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// Serialises a container, entries in name order, with "clew.checksum" (64-bit XXH3 of every
/// entry's name, type, shape and bytes) added to the metadata. Names and metadata must be UTF-8,
/// and no tensor may be named "__metadata__".
std::vector<std::byte> write_safetensors(const TensorFile& file);
/// The same for entries in their given order, with unique names.
std::vector<std::byte> write_safetensors(std::span<const NamedEntry> tensors);
/// Tensors in the order of their data in the file.
std::vector<NamedEntry> in_order(const TensorFile& file);

}  // namespace clew::nn
