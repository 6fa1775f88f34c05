// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), by which the origins of data sets say what their files are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace clew::data {

/// Takes bytes piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::uint8_t> bytes);
  /// The sum of all bytes so far, 64 hexadecimal digits in lower case. Ends the sum.
  std::string finish();

 private:
  struct State;  // OpenSSL's
  std::unique_ptr<State> state_;
};

/// The sum of a file; clew::Error when it cannot be read. Blocks.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace clew::data
