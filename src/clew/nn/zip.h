// SPDX-License-Identifier: Apache-2.0
// Zip archives in memory: writes stored entries, as torch.save, and reads deflated ones, too. Not a
// general unzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace clew::nn {

struct ZipEntry {
  std::string name;
  std::span<const std::byte> data;  // into the parsed bytes
  // Read only.
  bool is_compressed = false;  // `data` is compressed
  bool is_deflated = false;    // supported by unpack
  std::uint64_t size = 0;      // of the content, as declared
  std::uint32_t checksum = 0;  // of the content, as declared
};

/// True for the magic bytes of a zip archive.
bool is_zip(std::span<const std::byte> bytes);

/// Entries in directory order, as views into `bytes`; compressed ones are not unpacked. `name` is
/// for errors. Encrypted, overlapping or out-of-range entries, duplicate names, wrong checksums:
/// clew::Error.
std::vector<ZipEntry> parse_zip(std::span<const std::byte> bytes, const std::string& name);

/// Content of an entry of parse_zip, at most `max_bytes`. A compression other than deflate, a wrong
/// size or checksum: clew::Error beginning with `name`.
std::vector<std::byte> unpack(const ZipEntry& entry, std::uint64_t max_bytes,
                              const std::string& name);

/// Archive of stored entries, data aligned to 64 bytes, dated 1980: the same entries give the same
/// bytes.
std::vector<std::byte> write_zip(std::span<const ZipEntry> entries);

}  // namespace clew::nn
