// SPDX-License-Identifier: Apache-2.0
#include "clew/core/files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew {
namespace files_test {

namespace fs = std::filesystem;

/// A fresh folder that goes away with the test.
class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "clew files XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_))
      out.push_back(entry.path().filename());
    return out;
  }

  fs::path folder_;
};

TEST_F(Files, WritesAndReadsBack) {
  const std::string bytes("a\0b\xff\n", 5);
  write_file_atomic(folder_ / "x", bytes);
  EXPECT_EQ(read_file(folder_ / "x", 5), bytes);
  write_file_atomic(folder_ / "x", "");
  EXPECT_EQ(read_file(folder_ / "x", 0), "");
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(Files, WritesIntoTheWorkingFolder) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  write_file_atomic("plain", "1");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder_ / "plain", 10), "1");
}

TEST_F(Files, TextHasNoByteOrderMark) {
  write_file_atomic(folder_ / "x", "\xef\xbb\xbfname = 1\n");
  EXPECT_EQ(read_text(folder_ / "x", 100), "name = 1\n");
  write_file_atomic(folder_ / "x", std::string("\xff\xfen\0", 4));
  EXPECT_EQ(error_of([&] { read_text(folder_ / "x", 100); }),
            (folder_ / "x").string() + ": text must be UTF-8, got UTF-16");
}

TEST_F(Files, ADeviceIsWrittenThrough) {
  for (const char* name : {"null", "full"})
    fs::create_symlink(fs::path("/dev") / name, folder_ / name);
  write_file_atomic(folder_ / "null", "n");
  EXPECT_TRUE(fs::is_character_file(folder_ / "null"));
  EXPECT_EQ(error_of([&] { write_file_atomic(folder_ / "full", "n"); }),
            "cannot write '" + (folder_ / "full").string() + "': No space left on device");
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(Files, APipeIsWrittenThrough) {
  const fs::path pipe = folder_ / "pipe", link = folder_ / "link";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  fs::create_symlink("pipe", link);
  for (const auto& path : {pipe, link}) {
    std::string got;
    std::thread reader([&] { got = read_file(pipe, 1'000'000); });
    write_file_atomic(path, std::string(200'000, 'x'));  // more than a pipe holds
    reader.join();
    EXPECT_EQ(got, std::string(200'000, 'x'));
  }
  EXPECT_TRUE(fs::is_fifo(pipe));
  EXPECT_EQ(names().size(), 2U);
}

TEST_F(Files, ALinkStaysOneAndItsFileIsReplaced) {
  fs::create_directory(folder_ / "far");
  write_file_atomic(folder_ / "far" / "file", "old");
  fs::create_symlink("far/file", folder_ / "first");
  fs::create_symlink(folder_ / "first", folder_ / "second");
  write_file_atomic(folder_ / "second", "new");
  EXPECT_EQ(read_file(folder_ / "far" / "file", 10), "new");
  fs::create_symlink("far/none", folder_ / "dangling");
  write_file_atomic(folder_ / "dangling", "made");
  EXPECT_EQ(read_file(folder_ / "far" / "none", 10), "made");
  for (const char* name : {"first", "second", "dangling"})
    EXPECT_TRUE(fs::is_symlink(folder_ / name)) << name;
  fs::create_symlink("circle", folder_ / "circle");
  EXPECT_EQ(
      error_of([&] { write_file_atomic(folder_ / "circle", "n"); }),
      "cannot write '" + (folder_ / "circle").string() + "': Too many levels of symbolic links");
}

TEST_F(Files, ReadsLargeFilesWhole) {
  std::string bytes(5'000'001, 'x');
  bytes.back() = 'y';
  write_file_atomic(folder_ / "large", bytes);
  EXPECT_EQ(read_file(folder_ / "large", bytes.size()), bytes);
}

TEST_F(Files, ReadRefusals) {
  const std::string missing = (folder_ / "missing").string();
  EXPECT_EQ(error_of([&] { read_file(missing, 10); }),
            "cannot read '" + missing + "': No such file or directory");
  EXPECT_EQ(error_of([&] { read_file(folder_, 10); }),
            "cannot read '" + folder_.string() + "': Is a directory");
  write_file_atomic(folder_ / "x", "12345");
  EXPECT_EQ(
      error_of([&] { read_file(folder_ / "x", 4); }),
      "cannot read '" + (folder_ / "x").string() + "': at most 4 bytes are allowed, got more");
  EXPECT_EQ(error_of([&] { read_file("/dev/zero", 100000); }),
            "cannot read '/dev/zero': at most 100000 bytes are allowed, got more");
}

TEST_F(Files, FullDiskKeepsTheOldFile) {
  write_file_atomic(folder_ / "x", "old");
  // A limit on the size of files stands in for the disk that fills up half way: it needs no rights.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 1000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message =
      error_of([&] { write_file_atomic(folder_ / "x", std::string(5000, 'n')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "cannot write '" + (folder_ / "x").string() + "': File too large");
  EXPECT_EQ(read_file(folder_ / "x", 10), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(Files, WriteRefusals) {
  write_file_atomic(folder_ / "file", "old");
  const std::string below = (folder_ / "file" / "x").string();
  EXPECT_EQ(error_of([&] { write_file_atomic(below, "n"); }),
            "cannot write '" + below + "': Not a directory");
  const std::string missing = (folder_ / "missing" / "x").string();
  EXPECT_EQ(error_of([&] { write_file_atomic(missing, "n"); }),
            "cannot write '" + missing + "': No such file or directory");
  // /proc takes no new files, not even from root.
  EXPECT_EQ(error_of([&] { write_file_atomic("/proc/clew", "n"); }).substr(0, 26),
            "cannot write '/proc/clew':");
  fs::create_directory(folder_ / "taken");
  EXPECT_EQ(error_of([&] { write_file_atomic(folder_ / "taken", "n"); }),
            "cannot write '" + (folder_ / "taken").string() + "': Is a directory");
  EXPECT_FALSE(fs::exists(folder_ / "taken.part"));
}

TEST_F(Files, WhatAKilledWriterLeftIsReplaced) {
  std::ofstream(folder_ / "x.part") << std::string(10000, 'z');
  write_file_atomic(folder_ / "x", "new");
  EXPECT_EQ(read_file(folder_ / "x", 10), "new");
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(Files, DoesNotWriteThroughALinkLeftInItsWay) {
  write_file_atomic(folder_ / "precious", "p");
  fs::create_symlink(folder_ / "precious", folder_ / "x.part");
  EXPECT_NE(error_of([&] { write_file_atomic(folder_ / "x", "n"); }), "no error");
  EXPECT_EQ(read_file(folder_ / "precious", 10), "p");
}

TEST_F(Files, ReadersSeeOneWholeFileWhileManyWrite) {
  const fs::path path = folder_ / "x";
  write_file_atomic(path, std::string(20000, '0'));
  std::atomic<int> broken = 0;
  std::vector<std::thread> threads;
  for (char name = '1'; name <= '3'; ++name) {
    threads.emplace_back([&, name] {
      for (int i = 0; i < 40; ++i) {
        write_file_atomic(path, std::string(20000, name));
        const std::string seen = read_file(path, 30000);
        if (seen.size() != 20000 || seen != std::string(20000, seen[0])) ++broken;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(broken, 0);
  EXPECT_EQ(names(), std::vector<std::string>{"x"});
}

TEST_F(Files, MakesFolders) {
  make_folders(folder_ / "a" / "b c");
  make_folders(folder_ / "a" / "b c");
  EXPECT_TRUE(fs::is_directory(folder_ / "a" / "b c"));
  write_file_atomic(folder_ / "file", "1");
  const std::string file = (folder_ / "file").string();
  EXPECT_EQ(error_of([&] { make_folders(file); }),
            "cannot make folder '" + file + "': Not a directory");
  EXPECT_EQ(error_of([&] { make_folders(file + "/x"); }),
            "cannot make folder '" + file + "/x': Not a directory");
}

TEST_F(Files, SaysWhetherAPathExists) {
  EXPECT_TRUE(path_exists(folder_));
  EXPECT_FALSE(path_exists(folder_ / "none" / "none"));
  fs::create_symlink("circle", folder_ / "circle");
  const std::string circle = (folder_ / "circle").string();
  EXPECT_EQ(error_of([&] { (void)path_exists(circle); }),
            "cannot read '" + circle + "': Too many levels of symbolic links");
  const std::string longest(300, 'x');
  EXPECT_EQ(error_of([&] { (void)path_exists(longest); }),
            "cannot read '" + longest + "': File name too long");
  EXPECT_EQ(error_of([&] { make_folders(longest); }),
            "cannot make folder '" + longest + "': File name too long");
}

TEST_F(Files, LockIsForOneAtATime) {
  {
    const PathLock first(folder_);
    EXPECT_FALSE(first.is_taken());
    EXPECT_TRUE(PathLock(folder_).is_taken());
    EXPECT_FALSE(PathLock(folder_ / "missing").is_taken());
  }
  EXPECT_FALSE(PathLock(folder_).is_taken());
}

TEST(Hash, IsXxh3) {
  // From the reference implementation, `xxhsum -H3`.
  EXPECT_EQ(hash64({}), 0x2d06800538d394c2U);
  const std::array<char, 3> text = {'a', 'b', 'c'};
  EXPECT_EQ(hash64(std::as_bytes(std::span(text))), 0x78af5f94892f3950U);
  EXPECT_NE(hash64(std::as_bytes(std::span(text)), 1), 0x78af5f94892f3950U);
}

}  // namespace files_test
}  // namespace clew
