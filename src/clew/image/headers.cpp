// SPDX-License-Identifier: Apache-2.0
#include "clew/image/headers.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "clew/core/error.h"
#include "clew/image/image.h"

namespace clew::image {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::array<std::uint8_t, 3> kJpeg = {0xff, 0xd8, 0xff};

bool starts_with(Bytes file, Bytes magic) {
  return file.size() >= magic.size() && std::equal(magic.begin(), magic.end(), file.begin());
}

std::uint32_t two_bytes(Bytes file, std::size_t at) {
  return std::uint32_t{file[at]} << 8 | file[at + 1];
}
std::uint32_t four_bytes(Bytes file, std::size_t at) {
  return two_bytes(file, at) << 16 | two_bytes(file, at + 2);
}

void check_size(std::uint64_t width, std::uint64_t height, const std::string& name) {
  CLEW_CHECK(width * height <= kMaxPixels, name, ": the image claims more than ", kMaxPixels,
             " pixels");
  CLEW_CHECK(std::min(width, height) >= 1 && std::max(width, height) <= kMaxSide, name,
             ": an image must be 1..", kMaxSide, " pixels wide and high, got ", width, "x", height);
}

[[noreturn]] void fail_cut_short(Bytes file, const std::string& name) {
  throw Error(concat(name, ": the image is cut short (", file.size(), " bytes)"));
}

/// PNG specification, annex D.
constexpr auto kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xedb88320U ^ c >> 1 : c >> 1;
    table[i] = c;
  }
  return table;
}();

std::uint32_t crc_of(Bytes bytes) {
  std::uint32_t c = 0xffffffffU;
  for (const std::uint8_t byte : bytes) c = kCrcTable[(c ^ byte) & 0xff] ^ c >> 8;
  return ~c;
}

/// True where 0xff and this byte are the beginning of a segment or the end of the picture: not in
/// the middle of a scan.
bool is_marker(std::uint8_t byte) {
  return byte > 0x01 && byte != 0xff && (byte < 0xd0 || byte > 0xd8);
}

}  // namespace

bool is_png(Bytes file) { return starts_with(file, kPng); }
bool is_jpeg(Bytes file) { return starts_with(file, kJpeg); }

void check_png(Bytes file, const std::string& name) {
  if (file.size() < 24) fail_cut_short(file, name);
  check_size(four_bytes(file, 16), four_bytes(file, 20), name);
  std::size_t at = kPng.size();
  while (file.size() - at >= 12) {  // length, kind, what it holds, checksum of the last two
    const std::size_t length = four_bytes(file, at);
    if (file.size() - at - 12 < length) break;
    CLEW_CHECK(crc_of(file.subspan(at + 4, length + 4)) == four_bytes(file, at + 8 + length), name,
               ": the PNG is damaged: the checksum of its chunk at byte ", at, " is wrong");
    if (std::memcmp(file.data() + at + 4, "IEND", 4) == 0) return;
    at += 12 + length;
  }
  fail_cut_short(file, name);
}

void check_jpeg(Bytes file, const std::string& name) {
  constexpr int kEnd = 0xd9, kScan = 0xda;
  bool has_scan = false;
  std::size_t at = 2;
  while (true) {
    while (at + 1 < file.size() && !(file[at] == 0xff && is_marker(file[at + 1]))) ++at;
    if (at + 1 >= file.size()) break;
    const int marker = file[at + 1];
    at += 2;
    if (marker == kEnd && has_scan) return;
    if (marker == kEnd || file.size() - at < 2) break;
    const std::size_t length = two_bytes(file, at);
    if (length < 2 || file.size() - at < length) break;
    const bool is_frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
                          marker != 0xcc;  // the others hold tables
    CLEW_CHECK(!is_frame || !has_scan, name, ": the JPEG is damaged: another frame begins at byte ",
               at - 2);
    if (is_frame && length >= 7) check_size(two_bytes(file, at + 5), two_bytes(file, at + 3), name);
    has_scan = has_scan || marker == kScan;
    at += length;
  }
  fail_cut_short(file, name);
}

}  // namespace clew::image
