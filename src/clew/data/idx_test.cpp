// SPDX-License-Identifier: Apache-2.0
#include "clew/data/idx.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <string>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace idx_test {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

std::string error_of(const Bytes& file, std::uint64_t max_bytes = kMaxIdxBytes) {
  return clew::error_of([&] { (void)parse_idx(file, "x", max_bytes); });
}

const Bytes kTwoByThree = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 11, 12, 20, 21, 22};

TEST(Idx, ReadsAMatrixByHand) {
  const IdxArray array = parse_idx(kTwoByThree, "x");
  EXPECT_EQ(array.type, IdxType::kU8);
  EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(array.data, (Bytes{10, 11, 12, 20, 21, 22}));
  EXPECT_EQ(format_idx(array), kTwoByThree);
}

TEST(Idx, NumbersAreInThisMachinesOrder) {
  const Bytes file = {0, 0, 0x0d, 1, 0, 0, 0, 2, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0};
  const IdxArray array = parse_idx(file, "x");
  float numbers[2];
  ASSERT_EQ(array.data.size(), sizeof numbers);
  std::memcpy(numbers, array.data.data(), sizeof numbers);
  EXPECT_EQ(numbers[0], 1.F);
  EXPECT_EQ(numbers[1], -2.F);
  EXPECT_EQ(format_idx(array), file);
}

TEST(Idx, ReadsGzipOfAnotherProgram) {
  // Python: gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3]), mtime=0)
  const Bytes file = {0x1f, 0x8b, 0x08, 0,    0,    0,    0,    0,    0x02, 0x03, 0x63,
                      0x60, 0xe0, 0x60, 0x64, 0x60, 0x60, 0x60, 0x66, 0x64, 0x62, 0x06,
                      0,    0x8b, 0xe5, 0xbd, 0xa4, 0x0b, 0,    0,    0};
  EXPECT_EQ(parse_idx(file, "x").data, (Bytes{1, 2, 3}));
}

TEST(Idx, AnEmptySideIsAnEmptyArray) {
  const Bytes file = {0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 3};
  EXPECT_TRUE(parse_idx(file, "x").data.empty());
  EXPECT_EQ(parse_idx(file, "x").shape, (std::vector<std::int64_t>{0, 3}));
}

TEST(Idx, GzipAndPlainFilesComeBack) {
  const fs::path folder =
      fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_idx_files");
  fs::remove_all(folder);
  fs::create_directories(folder);
  IdxArray array{.type = IdxType::kU8, .shape = {300, 7000}, .data = Bytes(2'100'000)};
  for (std::size_t i = 0; i < array.data.size(); ++i)
    array.data[i] = static_cast<std::uint8_t>(i * i >> 7);
  write_idx(folder / "a", array);
  write_idx(folder / "a.gz", array);
  EXPECT_LT(fs::file_size(folder / "a.gz"), fs::file_size(folder / "a"));
  for (const char* name : {"a", "a.gz"}) {
    const IdxArray back = read_idx(folder / name);
    EXPECT_EQ(back.shape, array.shape);
    EXPECT_TRUE(back.data == array.data);
  }
  EXPECT_EQ(format_idx(array, true), format_idx(array, true));
  fs::remove_all(folder);
}

TEST(Idx, OneSentencePerError) {
  EXPECT_EQ(error_of({}), "x: an IDX file has at least 4 bytes");
  EXPECT_EQ(error_of({0, 1, 8, 1}), "x: an IDX file begins with two zero bytes, got 0 and 1");
  EXPECT_EQ(error_of({0, 0, 10, 1}), "x: the number type must be 8, 9, 11, 12, 13 or 14, got 10");
  EXPECT_EQ(error_of({0, 0, 8, 0}), "x: an IDX file must have 1..8 sides, got 0");
  EXPECT_EQ(error_of({0, 0, 8, 9}), "x: an IDX file must have 1..8 sides, got 9");
  EXPECT_EQ(error_of({0, 0, 8, 2, 0, 0, 0, 1, 0}), "x: the file ends inside its header of 2 sides");
  EXPECT_EQ(error_of({0, 0, 8, 1, 0, 0, 0, 3, 1, 2}),
            "x: the header claims 3 bytes of numbers, the file has 2");
  EXPECT_EQ(error_of({0, 0, 8, 1, 0, 0, 0, 1, 1, 2}),
            "x: the file has more than the 1 bytes of numbers that its header claims");
  EXPECT_EQ(error_of({0, 0, 8, 3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0}),
            "x: the header claims more than the 2147483648 bytes that are allowed");
  EXPECT_EQ(error_of(kTwoByThree, 5),
            "x: the header claims more than the 5 bytes that are allowed");
  // A claim that is allowed takes no memory until the bytes are there.
  EXPECT_EQ(error_of({0, 0, 8, 1, 0x7f, 255, 255, 255, 1}),
            "x: the header claims 2147483647 bytes of numbers, the file has 1");
}

TEST(Idx, EveryCutOrDamagedGzipIsRefused) {
  IdxArray array{.type = IdxType::kU8, .shape = {500}, .data = Bytes(500)};
  for (std::size_t i = 0; i < 500; ++i) array.data[i] = static_cast<std::uint8_t>(i * 37 + i / 3);
  const Bytes file = format_idx(array, true);
  for (std::size_t size = 2; size < file.size(); ++size) {
    EXPECT_THROW((void)parse_idx(std::span(file).first(size), "cut"), Error) << size;
  }
  Bytes longer = file;
  longer.push_back(0);
  EXPECT_EQ(error_of(longer), "x: 1 bytes after the end of the gzip");
  Bytes damaged = file;
  damaged[damaged.size() - 6] ^= 1;  // in the checksum
  EXPECT_EQ(error_of(damaged), "x: the gzip is damaged: incorrect data check");
}

/// Any bytes inside gzip.
Bytes zipped(Bytes plain) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, plain.size()));
  stream.next_in = plain.data();
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  return packed;
}

TEST(Idx, AGzipBombStopsAtItsClaim) {
  // 64 MiB of zeros in 64 KiB. Behind a header that claims 4 bytes the fifth ends it; a header that
  // claims them all is stopped by what the caller allows.
  Bytes lying = {0, 0, 8, 1, 0, 0, 0, 4}, honest = {0, 0, 8, 1, 4, 0, 0, 0};
  lying.resize(8 + (1 << 26));
  honest.resize(8 + (1 << 26));
  const Bytes small = zipped(lying);
  EXPECT_LT(small.size(), std::size_t{100'000});
  EXPECT_EQ(error_of(small),
            "x: the file has more than the 4 bytes of numbers that its header claims");
  EXPECT_EQ(error_of(zipped(honest), 1 << 20),
            "x: the header claims more than the 1048576 bytes that are allowed");
}

TEST(Idx, ACallerMayRefuseBeforeAnythingIsUnpacked) {
  Bytes honest = {0, 0, 8, 1, 4, 0, 0, 0};
  honest.resize(8 + (1 << 26));
  Bytes cut = zipped(honest);
  cut.resize(1000);  // what would be found while unpacking is not reached
  EXPECT_EQ(clew::error_of([&] {
              (void)parse_idx(cut, "x", kMaxIdxBytes, [](const IdxArray& head) {
                EXPECT_TRUE(head.data.empty());
                throw Error(concat("no room for ", head.shape[0]));
              });
            }),
            "no room for 67108864");
}

TEST(Idx, GzipsOneAfterAnotherAreOneFile) {
  Bytes file = zipped({kTwoByThree.begin(), kTwoByThree.begin() + 7});
  const Bytes rest = zipped({kTwoByThree.begin() + 7, kTwoByThree.end()});
  file.insert(file.end(), rest.begin(), rest.end());
  EXPECT_EQ(parse_idx(file, "x").data, (Bytes{10, 11, 12, 20, 21, 22}));
  for (std::size_t size = file.size() - rest.size(); size < file.size(); ++size)
    EXPECT_THROW((void)parse_idx(std::span(file).first(size), "cut"), Error) << size;
  file.push_back(0);
  EXPECT_EQ(error_of(file), "x: 1 bytes after the end of the gzip");
}

TEST(Idx, RefusesToWriteNonsense) {
  EXPECT_THROW((void)format_idx({.type = static_cast<IdxType>(3), .shape = {1}, .data = {1}}),
               Error);
  EXPECT_THROW((void)format_idx({.type = IdxType::kU8, .shape = {}, .data = {}}), Error);
  EXPECT_THROW((void)format_idx({.type = IdxType::kU8, .shape = {2}, .data = {1}}), Error);
  EXPECT_THROW((void)format_idx({.type = IdxType::kU8, .shape = {-1}, .data = {}}), Error);
}

}  // namespace idx_test
}  // namespace clew::data
