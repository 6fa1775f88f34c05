// SPDX-License-Identifier: Apache-2.0
// The safetensors container (8 bytes of length, a JSON header, raw little-endian data), read and
// written as bytes. No LibTorch here; tensors.h turns entries into tensors. Nothing in a file is
// executed, and nothing is believed before it is checked: lengths, offsets, shapes and, in our own
// files, a checksum of the data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

/// One tensor of a container. The bytes belong to whoever owns the container.
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
  std::map<std::string, TensorEntry> tensors;  // views into the bytes that were parsed
};

/// Bytes an element of `dtype` takes; 0 for a type the format does not have.
std::size_t dtype_size(const std::string& dtype);

/// Parses a container; `name` is for errors. The views point into `bytes`, which must outlive the
/// result. Anything but a well-formed file: clew::Error. Entries must tile the data section
/// exactly, in any order: no gap, no overlap. No key may be there twice.
TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name);

/// Writes a container, entries in name order, with "clew.checksum" (64-bit XXH3 of every entry's
/// name, type, shape and bytes) added to the metadata. Names and metadata must be UTF-8, and no
/// tensor is named "__metadata__".
std::vector<std::byte> write_safetensors(const TensorFile& file);
/// The same of entries in their order, whose names must differ.
std::vector<std::byte> write_safetensors(std::span<const NamedEntry> tensors);
/// The tensors in the order of their data, in which a file was written.
std::vector<NamedEntry> in_order(const TensorFile& file);

}  // namespace clew::nn
