// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sha256.h"

#include <gtest/gtest.h>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace sha256_test {

std::string sum(const std::string& text, std::size_t piece = 1000) {
  Sha256 sha;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t at = 0; at < text.size(); at += piece)
    sha.update({bytes + at, std::min(piece, text.size() - at)});
  return sha.finish();
}

TEST(Sha256, TheStandardsExamples) {
  EXPECT_EQ(sum(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sum(std::string(1'000'000, 'a'), 777),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesDoNotMatter) {
  std::string text;
  for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 7));
  for (const std::size_t piece : {1, 55, 63, 64, 65, 128}) EXPECT_EQ(sum(text, piece), sum(text));
}

TEST(Sha256, OfAFile) {
  const auto path = std::filesystem::temp_directory_path() / "clew_sha256";
  write_file_atomic(path, std::string_view("abc"));
  EXPECT_EQ(sha256_of_file(path), sum("abc"));
  std::filesystem::remove(path);
  EXPECT_THROW((void)sha256_of_file(path), Error);
}

}  // namespace sha256_test
}  // namespace clew::data
