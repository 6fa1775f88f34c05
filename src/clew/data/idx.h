// SPDX-License-Identifier: Apache-2.0
// IDX files, the format of MNIST: element type, shape, data; plain or gzip.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace clew::data {

/// Element types, by their code in the file.
enum class IdxType : std::uint8_t {
  kU8 = 0x08,
  kI8 = 0x09,
  kI16 = 0x0b,
  kI32 = 0x0c,
  kF32 = 0x0d,
  kF64 = 0x0e
};

/// Bytes per element.
std::size_t idx_type_size(IdxType type);

struct IdxArray {
  IdxType type = IdxType::kU8;
  std::vector<std::int64_t> shape;  // 1 to 8 dimensions, row-major
  std::vector<std::uint8_t> data;   // in this machine's byte order
};

/// Default limit of a reader: larger data are refused before they are unpacked.
inline constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{1} << 31;

/// Called with type and shape before the data are unpacked; throws to refuse them.
using IdxHeadCheck = std::function<void(const IdxArray& head)>;

/// Parses an IDX file, plain or gzip. A wrong header, fewer or more bytes than the header claims,
/// damaged gzip: clew::Error that begins with `name`. Allocates for the actual data, not for the
/// header's claim, and at most `max_bytes`.
[[nodiscard]] IdxArray parse_idx(std::span<const std::uint8_t> file, const std::string& name,
                                 std::uint64_t max_bytes = kMaxIdxBytes,
                                 const IdxHeadCheck& check_head = {});
[[nodiscard]] IdxArray read_idx(const std::filesystem::path& path,
                                std::uint64_t max_bytes = kMaxIdxBytes,
                                const IdxHeadCheck& check_head = {});

/// Serialises `array`.
[[nodiscard]] std::vector<std::uint8_t> format_idx(const IdxArray& array, bool is_gzip = false);
/// Writes it atomically, gzip if `path` ends in .gz. Equal arrays give equal files.
void write_idx(const std::filesystem::path& path, const IdxArray& array);

}  // namespace clew::data
