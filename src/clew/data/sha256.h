// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4) of downloaded files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace clew::data {

/// Incremental hash.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::uint8_t> bytes);
  /// Digest of all bytes, 64 hexadecimal digits, lower case. Must be the last call.
  std::string finish();

 private:
  struct State;  // OpenSSL's
  std::unique_ptr<State> state_;
};

/// Digest of a file. Unreadable: clew::Error. Blocks.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace clew::data
