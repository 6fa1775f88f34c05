// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/zip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace zip_test {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::byte> two_entries() {
  const std::vector<ZipEntry> entries = {{"a/one", bytes_of("123456789")}, {"a/empty", {}}};
  return write_zip(entries);
}

std::string refusal(std::span<const std::byte> bytes) {
  return clew::error_of([&] { parse_zip(bytes, "w.pth"); });
}

// First offset of a record's signature.
std::size_t find(const std::vector<std::byte>& bytes, const char* signature) {
  for (std::size_t i = 0; i + 4 <= bytes.size(); ++i)
    if (std::memcmp(&bytes[i], signature, 4) == 0) return i;
  ADD_FAILURE() << "no such record";
  return 0;
}

TEST(Zip, RoundTrip) {
  const auto bytes = two_entries();
  EXPECT_TRUE(is_zip(bytes));
  const auto entries = parse_zip(bytes, "round");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "a/one");
  EXPECT_EQ(std::memcmp(entries[0].data.data(), "123456789", 9), 0);
  EXPECT_EQ((entries[0].data.data() - bytes.data()) % 64, 0);
  EXPECT_EQ(entries[1].data.size(), 0U);
  EXPECT_EQ(two_entries(), bytes);
}

TEST(Zip, ChecksumIsThatOfTheFormat) {
  const auto bytes = two_entries();
  const auto at = find(bytes, "PK\x01\x02") + 16;
  EXPECT_EQ(std::memcmp(&bytes[at], "\x26\x39\xf4\xcb", 4), 0);  // crc-32 of "123456789"
}

TEST(Zip, CompressedEntriesAreMarked) {
  auto bytes = two_entries();
  bytes[find(bytes, "PK\x01\x02") + 10] = std::byte{8};
  const auto entries = parse_zip(bytes, "packed");
  EXPECT_TRUE(entries[0].is_compressed);
  EXPECT_FALSE(entries[1].is_compressed);
}

/// An archive of one entry whose content is deflated.
std::vector<std::byte> deflated(std::string_view content) {
  std::vector<std::byte> packed(compressBound(content.size()));
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string in(content);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  const std::vector<ZipEntry> entries = {{"a", packed}};
  auto bytes = write_zip(entries);
  const auto checksum = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  const auto central = find(bytes, "PK\x01\x02");
  const auto set = [&](std::size_t offset, std::size_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i)
      bytes[central + offset + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
  };
  set(10, 8, 2);
  set(16, checksum, 4);
  set(24, content.size(), 4);
  return bytes;
}

std::string unpacked(const std::vector<std::byte>& bytes, std::uint64_t max_bytes = 1 << 20) {
  const auto content = unpack(parse_zip(bytes, "w.whl").at(0), max_bytes, "w.whl");
  return {reinterpret_cast<const char*>(content.data()), content.size()};
}

TEST(Zip, UnpacksDeflatedAndStoredEntries) {
  for (const std::string& content : {std::string(), std::string("x"), std::string(100'000, 'x'),
                                     std::string("123456789 and the like")}) {
    EXPECT_EQ(unpacked(deflated(content)), content);
  }
  EXPECT_EQ(unpacked(two_entries()), "123456789");
}

TEST(Zip, WhatCannotBeUnpackedIsSaid) {
  const auto refused = [](const std::vector<std::byte>& bytes, std::uint64_t max_bytes = 1 << 20) {
    return clew::error_of([&] { unpacked(bytes, max_bytes); });
  };
  const std::string content(1000, 'x');
  const auto good = deflated(content);
  const auto central = find(good, "PK\x01\x02");
  const auto changed = [&](std::size_t at, int value) {
    auto bytes = good;
    bytes[at] = static_cast<std::byte>(value);
    return bytes;
  };
  EXPECT_EQ(refused(good, 999), "w.whl: entry 'a' must have at most 999 bytes, got 1000");
  EXPECT_EQ(refused(two_entries(), 8), "w.whl: entry 'a/one' must have at most 8 bytes, got 9");
  EXPECT_EQ(refused(changed(central + 10, 12)),
            "w.whl: entry 'a' is compressed in another way than deflate");
  EXPECT_EQ(refused(changed(central + 16, 0)),
            "w.whl: entry 'a' was altered: its checksum does not match");
  EXPECT_EQ(refused(changed(central + 24, 0xe9)),
            "w.whl: entry 'a' must have 1001 bytes, got 1000");
  EXPECT_EQ(refused(changed(central + 24, 0xe7)),
            "w.whl: entry 'a' is longer than the 999 bytes it claims");
  EXPECT_EQ(refused(changed(central + 26, 1)),
            concat("w.whl: entry 'a' claims 66536 bytes deflated to ",
                   parse_zip(good, "")[0].data.size()));
  EXPECT_EQ(refused(changed(64, 0xff)), "w.whl: entry 'a' is damaged");
}

TEST(Zip, MoreEntriesThan16BitsCount) {
  std::vector<ZipEntry> entries;
  for (int i = 0; i < 66'000; ++i) entries.push_back({std::to_string(i), {}});
  auto bytes = write_zip(entries);
  const auto read = parse_zip(bytes, "many");
  ASSERT_EQ(read.size(), entries.size());
  EXPECT_EQ(read.back().name, "65999");
  std::memset(&bytes[find(bytes, "PK\x06\x07") + 8], 0xff, 8);
  EXPECT_EQ(
      refusal(bytes),
      concat("w.pth: the zip's 64-bit end record at byte 18446744073709551615 lies outside the "
             "file's ",
             bytes.size(), " bytes"));
}

TEST(Zip, SaysWhatIsWrong) {
  struct Case {
    const char* record;
    std::size_t offset;
    const char* patch;
    std::size_t size;
    const char* wanted;
  };
  const Case cases[] = {
      {"PK\x01\x02", 8, "\x01", 1, "w.pth: entry 'a/one' is encrypted"},
      {"PK\x01\x02", 20, "\x08", 1, "entry 'a/one' is stored, but its sizes differ: 8 and 9"},
      {"PK\x01\x02", 20, "\x00\x10\x00\x00\x00\x10\x00\x00", 8,
       "of 4096 bytes at byte 0 lies outside"},
      {"PK\x01\x02", 20, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "its 64-bit sizes are missing"},
      {"PK\x01\x02", 28, "\xff\xff", 2, "directory entry at byte 128 is cut short"},
      {"PK\x01\x02", 42, "\xf0\xff\x00\x00", 4,
       "the zip's entry header at byte 65520 lies outside"},
      {"PK\x01\x02", 42, "\x01\x00\x00\x00", 4, "entry 'a/one' has no header at byte 1"},
      {"PK\x01\x02", 46, "b", 1, "entry 'b/one' has another name in its own header"},
      {"PK\x05\x06", 10, "\x03", 1, "the zip claims 3 entries in 104 bytes"},
      {"PK\x05\x06", 10, "\xff\xff", 2,
       "larger than its end record can say, and has no 64-bit one"},
      {"PK\x05\x06", 16, "\x00\x00\x01\x00", 4,
       "directory of 104 bytes at byte 65536 lies outside"},
      {"PK\x05\x06", 20, "\x01", 1, "has no end record: the file is incomplete"},
      {"1234", 0, "x", 1, "entry 'a/one' was altered: its checksum does not match"},
  };
  for (const auto& [record, offset, patch, size, wanted] : cases) {
    auto bytes = two_entries();
    std::memcpy(&bytes[find(bytes, record) + offset], patch, size);
    EXPECT_NE(refusal(bytes).find(wanted), std::string::npos) << wanted << "\n" << refusal(bytes);
  }
}

TEST(Zip, RefusesRepetition) {
  const std::vector<ZipEntry> same = {{"a", bytes_of("xy")}, {"a", bytes_of("zw")}};
  EXPECT_EQ(refusal(write_zip(same)), "w.pth: entry 'a' is there twice");
  const std::vector<ZipEntry> evil = {{"a\n\x1b[31m", {}}, {"a\n\x1b[31m", {}}};
  EXPECT_EQ(refusal(write_zip(evil)), "w.pth: entry 'a\\x0a\\x1b[31m' is there twice");
}

// The first entry's data is a whole second entry, which the directory lists on its own.
TEST(Zip, RefusesOverlap) {
  const std::vector<ZipEntry> inner = {{"b", bytes_of("xy")}};
  const auto hidden = write_zip(inner);
  const std::vector<ZipEntry> entries = {{"a", std::span(hidden).first(66)}, {"b", bytes_of("xy")}};
  auto bytes = write_zip(entries);
  const std::byte at_hidden[] = {std::byte{64}, std::byte{0}};
  std::memcpy(&bytes[find(bytes, "PK\x01\x02") + 47 + 42], at_hidden, 2);
  EXPECT_EQ(refusal(bytes), "w.pth: entries 'a' and 'b' overlap");
}

TEST(Zip, EveryBeginningIsRefused) {
  const auto bytes = two_entries();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(parse_zip(std::span(bytes).first(size), "cut"), Error) << size;
}

}  // namespace zip_test
}  // namespace clew::nn
