// SPDX-License-Identifier: Apache-2.0
// Zip archives: written with stored entries, as Python's torch.save does, read with deflated ones,
// too. In memory; not a general unzip.
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
  // Read only.
  bool is_compressed = false;  // then `data` is not the content
  bool is_deflated = false;    // the compression that unpack knows
  std::uint64_t size = 0;      // of the content, as the archive says
  std::uint32_t checksum = 0;  // of the content, as the archive says
};

/// The first bytes are those of a zip archive.
bool is_zip(std::span<const std::byte> bytes);

/// The entries in the order of the archive's directory; the views point into `bytes`. Encrypted
/// entries, entries that overlap or lie outside, repeated names and wrong checksums: clew::Error.
/// Compressed ones are listed but not unpacked. `name` is for errors.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> bytes, const std::string& name);

/// The content of an entry of parse_zip, at most `max_bytes`. Another compression than deflate, a content
/// of another size or checksum than the archive says: clew::Error beginning with `name`.
std::vector<std::byte> unpack(const ZipEntry& entry, std::uint64_t max_bytes,
                              const std::string& name);

/// An archive of stored entries, each entry's data at a multiple of 64 bytes, dated 1980: the same
/// entries give the same bytes.
std::vector<std::byte> write_zip(std::span<const ZipEntry> entries);

}  // namespace clew::nn
