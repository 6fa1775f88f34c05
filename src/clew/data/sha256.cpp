// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <vector>

#include "clew/core/error.h"

namespace clew::data {

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) {
    CLEW_CHECK(context != nullptr && EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1,
               "OpenSSL cannot begin a SHA-256");
  }
  ~State() { EVP_MD_CTX_free(context); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::uint8_t> bytes) {
  CLEW_CHECK(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1,
             "OpenSSL cannot go on with a SHA-256");
}

std::string Sha256::finish() {
  std::array<std::uint8_t, 32> sum;
  CLEW_CHECK(EVP_DigestFinal_ex(state_->context, sum.data(), nullptr) == 1,
             "OpenSSL cannot end a SHA-256");
  std::string text;
  for (const std::uint8_t byte : sum) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  CLEW_CHECK(file, "cannot read '", path.string(), "': ", std::generic_category().message(errno));
  std::vector<std::uint8_t> chunk(1 << 20);
  Sha256 sum;
  while (file) {
    file.read(reinterpret_cast<char*>(chunk.data()), static_cast<std::streamsize>(chunk.size()));
    sum.update({chunk.data(), static_cast<std::size_t>(file.gcount())});
  }
  CLEW_CHECK(file.eof() && !file.bad(), "cannot read '", path.string(),
             "': ", std::generic_category().message(errno));
  return sum.finish();
}

}  // namespace clew::data
