// SPDX-License-Identifier: Apache-2.0
// Zip archives whose entries are stored, not compressed, as Python's torch.save writes them. Read
// and written in memory; not a general unzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

struct ZipEntry {
  std::string name;
  std::span<const std::byte> data;  // into the bytes that were parsed
  bool is_compressed = false;       // read only: then `data` is not the content
};

/// The first bytes are those of a zip archive.
bool is_zip(std::span<const std::byte> bytes);

/// The entries in the order of the archive's directory; the views point into `bytes`. Encrypted
/// entries, entries that overlap or lie outside, repeated names and wrong checksums: clew::Error.
/// Compressed ones are listed but not unpacked. `name` is for errors.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> bytes, const std::string& name);

/// An archive of stored entries, each entry's data at a multiple of 64 bytes, dated 1980: the same
/// entries give the same bytes.
std::vector<std::byte> write_zip(std::span<const ZipEntry> entries);

}  // namespace clew::nn
