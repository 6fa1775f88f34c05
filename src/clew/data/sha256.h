// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), by which the origins of data sets say what their files are.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace clew::data {

/// Takes bytes piece by piece.
class Sha256 {
 public:
  void update(std::span<const std::uint8_t> bytes);
  /// The sum of all bytes so far, 64 hexadecimal digits in lower case. Ends the sum.
  std::string finish();

 private:
  void block(const std::uint8_t* bytes);

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> rest_ = {};
  std::uint64_t size_ = 0;
};

/// The sum of a file; clew::Error when it cannot be read. Blocks.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace clew::data
