// SPDX-License-Identifier: Apache-2.0
// IDX files, the format of MNIST: a number type, a shape, numbers; plain or inside gzip. Knows
// nothing of digits or labels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace clew::data {

/// The number types of the format, by their byte in the file.
enum class IdxType : std::uint8_t {
  kU8 = 0x08,
  kI8 = 0x09,
  kI16 = 0x0b,
  kI32 = 0x0c,
  kF32 = 0x0d,
  kF64 = 0x0e
};

/// Bytes of one number.
std::size_t idx_type_size(IdxType type);

struct IdxArray {
  IdxType type = IdxType::kU8;
  std::vector<std::int64_t> shape;  // 1 to 8 sides, row-major
  std::vector<std::uint8_t> data;   // the numbers in this machine's byte order
};

/// The numbers' bytes that a reader accepts: more is refused before it is unpacked.
inline constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{1} << 31;

/// Sees a file's type and shape before its numbers are unpacked; it throws to refuse them.
using IdxHeadCheck = std::function<void(const IdxArray& head)>;

/// An IDX file in memory, plain or gzip -> its array. A wrong header, fewer or more bytes than the
/// header claims, damaged gzip: clew::Error that begins with `name`. Memory is taken for what the
/// file holds, not for what its header claims, and never for more than `max_bytes`.
[[nodiscard]] IdxArray parse_idx(std::span<const std::uint8_t> file, const std::string& name,
                                 std::uint64_t max_bytes = kMaxIdxBytes,
                                 const IdxHeadCheck& check_head = {});
[[nodiscard]] IdxArray read_idx(const std::filesystem::path& path,
                                std::uint64_t max_bytes = kMaxIdxBytes,
                                const IdxHeadCheck& check_head = {});

/// The file of `array` as bytes.
[[nodiscard]] std::vector<std::uint8_t> format_idx(const IdxArray& array, bool is_gzip = false);
/// Writes it, inside gzip when `path` ends in .gz. The file is whole or untouched; equal arrays
/// give equal files.
void write_idx(const std::filesystem::path& path, const IdxArray& array);

}  // namespace clew::data
