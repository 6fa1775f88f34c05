// SPDX-License-Identifier: Apache-2.0
// Without a server; tests/cli/data_test.py has one.
#include "clew/data/download.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace download_test {

namespace fs = std::filesystem;

const char* const kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

struct Downloads : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_downloads");
  Downloads() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Downloads() override { fs::remove_all(folder); }

  std::string error_of(const std::string& text) const {
    const auto path = folder / "set.toml";
    write_file_atomic(path, text);
    try {
      (void)find_remote_set(path.string());
    } catch (const UsageError& error) {
      return std::string(error.what()).substr(path.string().size());
    }
    return "no error";
  }
};

TEST_F(Downloads, MnistIsKnown) {
  const auto set = find_remote_set("mnist");
  ASSERT_EQ(set.files.size(), 4U);
  for (const auto& file : set.files) {
    EXPECT_EQ(file.sha256.size(), 64U);
    EXPECT_TRUE(file.name.ends_with("-ubyte.gz"));
    EXPECT_GT(file.bytes, 4000);
  }
  EXPECT_GE(set.mirrors.size(), 2U);
  try {
    (void)find_remote_set("mnits");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'mnist'?"), std::string::npos);
  }
}

TEST_F(Downloads, ReadsADescription) {
  const auto path = folder / "set.toml";
  write_file_atomic(path,
                    concat("name = 'abc'\nlicence = 'none'\nmirrors = ['http://localhost/x']\n"
                           "files = ['abc.txt']\nbytes = [3]\nsha256 = ['",
                           kAbc, "']\n"));
  const auto set = find_remote_set(path.string());
  EXPECT_EQ(set.name, "abc");
  EXPECT_EQ(set.licence, "none");
  ASSERT_EQ(set.files.size(), 1U);
  EXPECT_EQ(set.files[0].bytes, 3);
}

TEST_F(Downloads, OneSentencePerError) {
  const std::string head = "name = 'x'\nmirrors = ['http://x']\n",
                    sum = concat("sha256 = ['", kAbc, "']\n");
  EXPECT_EQ(error_of(""), ": name must not be empty");
  EXPECT_EQ(error_of("name = 'x'"), ": mirrors must name at least one address");
  EXPECT_EQ(error_of(head), ": files must name at least one file");
  EXPECT_EQ(error_of(head + "files = ['a', 'b']\nbytes = [3]\n"),
            ": files, sha256 and bytes must be equally many, got 2, 0 and 1");
  for (const std::string name : {"../a", "a/b", ".a", "a b", "a?b", ""}) {
    EXPECT_EQ(error_of(head + "files = ['" + name + "']\nbytes = [3]\n" + sum),
              ": file names must be letters, digits, '.', '-', '_' and '+', got '" + name + "'");
  }
  EXPECT_EQ(error_of(head + "files = ['a']\nbytes = [3]\nsha256 = ['ABC']\n"),
            ": sha256 must be 64 hexadecimal digits in lower case, got 'ABC'");
  EXPECT_EQ(error_of("name = 'x'\nmirrors = ['ftp://x']\nfiles = ['a']\nbytes = [3]\n" + sum),
            ": mirrors must begin with http:// or https://, got 'ftp://x'");
  EXPECT_NE(error_of(head + "files = ['a']\nbytes = [0]\n" + sum).find("bytes"), std::string::npos);
}

TEST_F(Downloads, WhatIsThereIsCheckedAndLeftAlone) {
  const RemoteSet set{
      .name = "abc", .mirrors = {"http://localhost:1"}, .files = {{"abc.txt", kAbc, 3}}};
  write_file_atomic(folder / "abc.txt", std::string_view("abc"));
  std::int64_t seen = 0;
  download(set, folder, [&](const std::string&, std::int64_t done, std::int64_t) {
    seen = done;
    return true;
  });
  EXPECT_EQ(seen, 3);
  EXPECT_TRUE(has_file({"abc.txt", "ba7816bf", 3}, folder));
  EXPECT_FALSE(has_file({"abd.txt", "ba7816bf", 3}, folder));
  write_file_atomic(folder / "abc.txt", std::string_view("abd"));
  try {
    download(set, folder, [](const std::string&, std::int64_t, std::int64_t) { return true; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is there, but its SHA-256 is a52d"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(read_file(folder / "abc.txt", 10), "abd");
}

}  // namespace download_test
}  // namespace clew::data
