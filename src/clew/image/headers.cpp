// SPDX-License-Identifier: Apache-2.0
#include "clew/image/headers.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "clew/core/error.h"
#include "clew/image/files.h"
#include "clew/image/image.h"

namespace clew::image {

bool has_picture_ending(const std::filesystem::path& path) {
  constexpr const char* kEndings[] = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".pgm",
                                      ".ppm", ".pnm", ".bmp",  ".tif", ".tiff", ".webp"};
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::ranges::count(kEndings, ending) != 0;
}

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

bool has_text(Bytes file, std::size_t at, std::string_view text) {
  return file.size() >= at + text.size() &&
         std::memcmp(file.data() + at, text.data(), text.size()) == 0;
}

std::uint32_t two_bytes(Bytes file, std::size_t at) {
  return std::uint32_t{file[at]} << 8 | file[at + 1];
}
std::uint32_t four_bytes(Bytes file, std::size_t at) {
  return two_bytes(file, at) << 16 | two_bytes(file, at + 2);
}

/// Little-endian integer of `count` bytes at `at`.
std::uint32_t little(Bytes file, std::size_t at, int count) {
  std::uint32_t value = 0;
  while (count-- > 0) value = value << 8 | file[at + static_cast<std::size_t>(count)];
  return value;
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

/// True if 0xff and this byte begin a segment or end the picture, not within a scan.
bool is_marker(std::uint8_t byte) {
  return byte > 0x01 && byte != 0xff && (byte < 0xd0 || byte > 0xd8);
}

}  // namespace

FileKind kind_of(Bytes file) {
  if (file.size() >= kPng.size() && std::equal(kPng.begin(), kPng.end(), file.begin()))
    return FileKind::kPng;
  if (has_text(file, 0, "\xff\xd8\xff")) return FileKind::kJpeg;
  for (const char* magic : {"P2", "P3", "P5", "P6"})
    if (has_text(file, 0, magic)) return FileKind::kPnm;
  if (has_text(file, 0, "BM")) return FileKind::kBmp;
  if (has_text(file, 0, {"II*\0", 4}) || has_text(file, 0, {"MM\0*", 4})) return FileKind::kTiff;
  if (has_text(file, 0, "RIFF") && has_text(file, 8, "WEBP")) return FileKind::kWebp;
  return FileKind::kOther;
}

namespace {

/// Orientation, 1 (upright) to 8, of the first EXIF directory; default 1.
int orientation_of(Bytes exif) {
  constexpr std::size_t kTag = 0x112, kShort = 3;
  const bool is_little = has_text(exif, 0, "II");
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = value << 8 | exif[is_little ? at + bytes - 1 - i : at + i];
    return value;
  };
  if (exif.size() < 8) return 1;
  const std::size_t directory = number(4, 4);
  if (directory > exif.size() - 2 || exif.size() < directory + 2) return 1;
  const std::size_t entries = number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > exif.size()) return 1;
    if (number(entry, 2) != kTag || number(entry + 2, 2) != kShort) continue;
    const auto value = static_cast<int>(number(entry + 8, 2));
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

}  // namespace

PlainPng check_png(Bytes file, const std::string& name) {
  if (file.size() < 29) fail_cut_short(file, name);
  check_size(four_bytes(file, 16), four_bytes(file, 20), name);
  PlainPng plain{.file = {kPng.begin(), kPng.end()}};
  const int depth = file[24];
  const int colour = file[25];  // 0 grey, 2 RGB, 3 palette, 4 and 6 with alpha
  plain.has_alpha = colour == 4 || colour == 6;
  std::array<Bytes, 5> chunks;  // in libpng's order
  std::vector<Bytes> data;
  const auto append = [&](Bytes chunk) {
    plain.file.insert(plain.file.end(), chunk.begin(), chunk.end());
  };
  std::size_t at = kPng.size();
  while (file.size() - at >= 12) {  // length, kind, content, checksum of kind and content
    const std::size_t length = four_bytes(file, at);
    if (file.size() - at - 12 < length) break;
    CLEW_CHECK(crc32_z(0, file.data() + at + 4, length + 4) == four_bytes(file, at + 8 + length),
               name, ": the PNG is damaged: the checksum of its chunk at byte ", at, " is wrong");
    const Bytes chunk = file.subspan(at, length + 12);
    const auto keep = [&](std::string_view kind, std::size_t place, bool is_sound) {
      if (has_text(chunk, 4, kind) && chunks[place].empty() && is_sound) chunks[place] = chunk;
    };
    keep("IHDR", 0, true);
    keep("PLTE", 1, colour == 3);
    keep("tRNS", 2,
         colour == 0   ? length == 2
         : colour == 2 ? length == 6
                       : colour == 3 && length >= 1 && 3 * length + 12 <= chunks[1].size());
    keep("eXIf", 3, has_text(chunk, 8, {"II*\0", 4}) || has_text(chunk, 8, {"MM\0*", 4}));
    keep("IEND", 4, true);
    if (has_text(chunk, 4, "IDAT")) data.push_back(chunk);
    if (!chunks[4].empty()) break;
    at += 12 + length;
  }
  if (chunks[4].empty()) fail_cut_short(file, name);
  const bool is_depth = colour == 0   ? depth < 8 || depth == 16
                        : colour == 3 ? depth < 8
                                      : depth == 16;
  CLEW_CHECK(chunks[0].size() == 25 && std::has_single_bit(static_cast<unsigned>(depth)) &&
                 (depth == 8 || is_depth) && colour <= 6 && colour != 1 && colour != 5 &&
                 file[26] == 0 && file[27] == 0 && file[28] <= 1,
             name, ": the PNG is damaged: its header says what no PNG can be");
  CLEW_CHECK(!data.empty() && (colour != 3 || !chunks[1].empty()), name,
             ": the PNG is damaged: it has no ", data.empty() ? "pixels" : "palette");
  for (std::size_t i = 0; i < 3; ++i) append(chunks[i]);
  for (const Bytes chunk : data) append(chunk);
  append(chunks[4]);
  plain.has_alpha |= !chunks[2].empty();
  if (!chunks[3].empty())
    plain.orientation = orientation_of(chunks[3].subspan(8, chunks[3].size() - 12));
  return plain;
}

bool check_jpeg(Bytes file, const std::string& name) {
  constexpr int kEnd = 0xd9, kScan = 0xda;
  bool has_scan = false;
  std::size_t at = 2;
  while (true) {
    while (at + 1 < file.size() && !(file[at] == 0xff && is_marker(file[at + 1]))) ++at;
    if (at + 1 >= file.size() && has_scan) return false;
    if (at + 1 >= file.size()) break;
    const int marker = file[at + 1];
    at += 2;
    if (marker == kEnd && has_scan) return true;
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

void check_bmp(Bytes file, const std::string& name) {
  if (file.size() < 26) fail_cut_short(file, name);
  const bool is_old = little(file, 14, 4) == 12;  // OS/2
  if (!is_old && file.size() < 54) fail_cut_short(file, name);
  const auto side = [&](std::size_t at) {  // a negative height: from the top
    const auto value = static_cast<std::int32_t>(little(file, at, 4));
    return static_cast<std::uint64_t>(std::abs(std::int64_t{value}));
  };
  const std::uint64_t width = is_old ? little(file, 18, 2) : side(18),
                      height = is_old ? little(file, 20, 2) : side(22);
  check_size(width, height, name);
  const std::uint64_t bits = little(file, is_old ? 24 : 28, 2);
  const std::uint32_t compression = is_old ? 0 : little(file, 30, 4);
  const bool is_packed = compression == 1 || compression == 2;  // RLE
  const std::uint64_t bytes =
      is_packed ? little(file, 34, 4) : (width * bits + 31) / 32 * 4 * height;
  if (little(file, 10, 4) + bytes > file.size()) fail_cut_short(file, name);
}

void check_tiff(Bytes file, const std::string& name) {
  const bool is_little = file[0] == 'I';
  const auto number = [&](std::size_t at, int count) {
    if (file.size() < at + static_cast<std::size_t>(count)) fail_cut_short(file, name);
    if (is_little) return little(file, at, count);
    return count == 2 ? two_bytes(file, at) : four_bytes(file, at);
  };
  const std::size_t folder = number(4, 4), entries = number(folder, 2);
  // Values of an entry: tag, type (3: two bytes, 4: four), count; values of more than four bytes
  // are stored elsewhere.
  const auto numbers = [&](std::uint32_t first_tag, std::uint32_t second_tag) {
    std::vector<std::uint32_t> values;
    for (std::size_t i = 0; i < entries; ++i) {
      const std::size_t at = folder + 2 + 12 * i;
      const std::uint32_t tag = number(at, 2), count = number(at + 4, 4);
      if (tag != first_tag && tag != second_tag) continue;
      const int bytes = number(at + 2, 2) == 3 ? 2 : 4;
      const std::uint64_t size = std::uint64_t{count} * static_cast<unsigned>(bytes);
      const std::size_t begin = size <= 4 ? at + 8 : number(at + 8, 4);
      if (begin + size > file.size()) fail_cut_short(file, name);
      for (std::size_t k = 0; k < count; ++k)
        values.push_back(number(begin + k * static_cast<unsigned>(bytes), bytes));
      break;
    }
    return values;
  };
  const auto width = numbers(256, 256), height = numbers(257, 257);
  CLEW_CHECK(width.size() == 1 && height.size() == 1, name, ": the TIFF gives no size");
  check_size(width[0], height[0], name);
  const auto offsets = numbers(273, 324), bytes = numbers(279, 325);  // of strips, or of tiles
  CLEW_CHECK(!offsets.empty() && offsets.size() == bytes.size(), name,
             ": the TIFF does not say where its pixels are");
  for (std::size_t i = 0; i < offsets.size(); ++i)
    if (std::uint64_t{offsets[i]} + bytes[i] > file.size()) fail_cut_short(file, name);
}

void check_webp(Bytes file, const std::string& name) {
  // Sides of the other formats have 14 bits.
  if (file.size() < 30 || std::uint64_t{little(file, 4, 4)} + 8 > file.size())
    fail_cut_short(file, name);
  if (has_text(file, 12, "VP8X"))
    check_size(little(file, 24, 3) + 1, little(file, 27, 3) + 1, name);
}

namespace {

std::optional<HeaderSize> jpeg_size(Bytes start) {
  HeaderSize size;
  std::size_t at = 2;
  while (true) {
    while (at + 1 < start.size() && !(start[at] == 0xff && is_marker(start[at + 1]))) ++at;
    if (start.size() < at + 4) return std::nullopt;
    const int marker = start[at + 1];
    at += 2;
    const std::size_t length = two_bytes(start, at);
    if (length < 2 || start.size() - at < length || marker == 0xd9 || marker == 0xda)
      return std::nullopt;
    if (marker == 0xe1 && length > 8 && has_text(start, at + 2, {"Exif\0\0", 6}))
      size.orientation = orientation_of(start.subspan(at + 8, length - 8));
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
      if (length < 7) return std::nullopt;
      size.height = static_cast<int>(two_bytes(start, at + 3));
      size.width = static_cast<int>(two_bytes(start, at + 5));
      return size;
    }
    at += length;
  }
}

/// EXIF may follow the pixels.
std::optional<HeaderSize> png_size(Bytes file) {
  HeaderSize size;
  std::size_t at = kPng.size();
  while (file.size() - at >= 12) {
    const std::size_t length = four_bytes(file, at);
    if (file.size() - at - 12 < length) break;
    if (has_text(file, at + 4, "IHDR") && length == 13) {
      const auto width = four_bytes(file, at + 8), height = four_bytes(file, at + 12);
      if (std::max(width, height) > static_cast<std::uint32_t>(kMaxSide)) return std::nullopt;
      size.width = static_cast<int>(width);
      size.height = static_cast<int>(height);
    }
    if (has_text(file, at + 4, "eXIf"))
      size.orientation = orientation_of(file.subspan(at + 8, length));
    if (has_text(file, at + 4, "IEND")) return size;
    at += 12 + length;
  }
  return std::nullopt;
}

}  // namespace

std::optional<HeaderSize> header_size(Bytes start) {
  const FileKind kind = kind_of(start);
  auto size = kind == FileKind::kJpeg  ? jpeg_size(start)
              : kind == FileKind::kPng ? png_size(start)
                                       : std::nullopt;
  return size && std::min(size->width, size->height) >= 1 ? size : std::nullopt;
}

}  // namespace clew::image
