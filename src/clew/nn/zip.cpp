// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/zip.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <tuple>
#include <unordered_set>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::nn {
namespace {

using Bytes = std::span<const std::byte>;

// Signatures and sizes of the records, from the format's description (APPNOTE 6.3).
constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22;
constexpr std::size_t kEnd64Size = 56, kLocator64Size = 20;
constexpr std::uint64_t kMax16 = 0xffff, kMax32 = 0xffffffff;  // "see the 64-bit field"
constexpr std::size_t kAlignment = 64;                         // of data, as torch.save does

std::uint64_t read_le(const std::byte* at, int bytes) {
  std::uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; --i) value = value << 8 | std::to_integer<std::uint64_t>(at[i]);
  return value;
}

std::uint32_t checksum(Bytes bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// Little-endian fields of a record of checked size.
class Record {
 public:
  Record(Bytes file, std::uint64_t offset, std::size_t size, const std::string& name,
         const char* what) {
    CLEW_CHECK(offset <= file.size() && file.size() - offset >= size, name, ": the zip's ", what,
               " at byte ", offset, " lies outside the file's ", file.size(), " bytes");
    at_ = file.data() + offset;
  }
  std::uint64_t get(std::size_t offset, int bytes) const { return read_le(at_ + offset, bytes); }

 private:
  const std::byte* at_ = nullptr;
};

/// Position of the central directory.
struct Directory {
  std::uint64_t entries = 0, size = 0, offset = 0;
};

Directory find_directory(Bytes file, const std::string& name) {
  CLEW_CHECK(file.size() >= kEndSize, name, ": a zip archive has at least 22 bytes, got ",
             file.size());
  // The end record is followed only by a comment of at most 65535 bytes, with its length in the
  // record.
  std::size_t at = file.size() - kEndSize;
  const std::size_t first = at > kMax16 ? at - kMax16 : 0;
  while (read_le(&file[at], 4) != kEnd ||
         read_le(&file[at + 20], 2) != file.size() - at - kEndSize) {
    CLEW_CHECK(at > first, name, ": the zip archive has no end record: the file is incomplete");
    --at;
  }
  const Record end(file, at, kEndSize, name, "end record");
  Directory directory = {end.get(10, 2), end.get(12, 4), end.get(16, 4)};
  if (directory.entries == kMax16 || directory.size == kMax32 || directory.offset == kMax32) {
    CLEW_CHECK(at >= kLocator64Size && read_le(&file[at - kLocator64Size], 4) == kLocator64, name,
               ": the zip archive is larger than its end record can say, and has no 64-bit one");
    const std::uint64_t end64_at = read_le(&file[at - kLocator64Size + 8], 8);
    const Record end64(file, end64_at, kEnd64Size, name, "64-bit end record");
    CLEW_CHECK(end64.get(0, 4) == kEnd64, name, ": there is no 64-bit end record at byte ",
               end64_at);
    directory = {end64.get(32, 8), end64.get(40, 8), end64.get(48, 8)};
  }
  CLEW_CHECK(directory.offset <= at && directory.size <= at - directory.offset, name,
             ": the zip's directory of ", directory.size, " bytes at byte ", directory.offset,
             " lies outside the file's ", file.size(), " bytes");
  CLEW_CHECK(directory.entries <= directory.size / kCentralSize, name, ": the zip claims ",
             directory.entries, " entries in ", directory.size, " bytes");
  return directory;
}

struct CentralEntry {
  ZipEntry entry;
  std::uint64_t begin = 0, end = 0;  // header and data, in the file
  std::uint64_t record_size = 0;
};

/// 64-bit sizes and offset of a directory entry, where the 32-bit fields overflow.
void read_extra64(Bytes extra, std::array<std::uint64_t*, 3> fields, const std::string& where) {
  const auto is_full = [](const std::uint64_t* field) { return *field == kMax32; };
  if (std::none_of(fields.begin(), fields.end(), is_full)) return;
  while (extra.size() >= 4) {
    const std::uint64_t id = read_le(extra.data(), 2), size = read_le(&extra[2], 2);
    CLEW_CHECK(size <= extra.size() - 4, where, ": its extra field is cut short");
    auto body = extra.subspan(4, size);
    extra = extra.subspan(4 + size);
    if (id != 1) continue;
    for (auto* field : fields) {
      if (!is_full(field)) continue;
      CLEW_CHECK(body.size() >= 8, where, ": its 64-bit sizes are cut short");
      *field = read_le(body.data(), 8);
      body = body.subspan(8);
    }
    return;
  }
  throw Error(concat(where, ": its 64-bit sizes are missing"));
}

CentralEntry read_entry(Bytes file, std::uint64_t at, const Directory& directory,
                        const std::string& name) {
  const std::uint64_t directory_end = directory.offset + directory.size;
  const Record central(file.first(directory_end), at, kCentralSize, name, "directory entry");
  CLEW_CHECK(central.get(0, 4) == kCentral, name,
             ": there is no directory entry of the zip at byte ", at);
  const std::uint64_t flags = central.get(8, 2), method = central.get(10, 2);
  std::uint64_t packed = central.get(20, 4), size = central.get(24, 4),
                local_at = central.get(42, 4);
  const std::uint64_t name_size = central.get(28, 2), extra_size = central.get(30, 2);
  CentralEntry result;
  result.record_size = kCentralSize + name_size + extra_size + central.get(32, 2);
  CLEW_CHECK(result.record_size <= directory_end - at, name, ": the zip's directory entry at byte ",
             at, " is cut short");
  const auto entry_name = file.subspan(at + kCentralSize, name_size);
  result.entry.name.assign(reinterpret_cast<const char*>(entry_name.data()), name_size);
  const std::string where = concat(name, ": entry '", excerpt(result.entry.name), "'");
  read_extra64(file.subspan(at + kCentralSize + name_size, extra_size), {&size, &packed, &local_at},
               where);
  CLEW_CHECK((flags & 1) == 0, where, " is encrypted");
  result.entry.is_compressed = method != 0;
  result.entry.is_deflated = method == 8;
  result.entry.size = size;
  result.entry.checksum = static_cast<std::uint32_t>(central.get(16, 4));
  CLEW_CHECK(method != 0 || packed == size, where, " is stored, but its sizes differ: ", packed,
             " and ", size);

  const auto before = file.first(directory.offset);
  const Record local(before, local_at, kLocalSize, name, "entry header");
  CLEW_CHECK(local.get(0, 4) == kLocal, where, " has no header at byte ", local_at);
  const std::uint64_t header = kLocalSize + local.get(26, 2) + local.get(28, 2);
  const std::uint64_t room = before.size() - local_at;
  CLEW_CHECK(header <= room && packed <= room - header, where, " of ", packed, " bytes at byte ",
             local_at, " lies outside the archive's ", before.size(), " bytes of entries");
  CLEW_CHECK(local.get(26, 2) == name_size &&
                 std::equal(entry_name.begin(), entry_name.end(), &file[local_at + kLocalSize]),
             where, " has another name in its own header");
  result.entry.data = file.subspan(local_at + header, packed);
  result.begin = local_at;
  result.end = local_at + header + packed;
  // 0: torch.save without checksums.
  const std::uint64_t wanted = central.get(16, 4);
  CLEW_CHECK(method != 0 || wanted == 0 || wanted == checksum(result.entry.data), where,
             " was altered: its checksum does not match");
  return result;
}

void append(std::vector<std::byte>& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

void append(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// 32-bit field of a 64-bit value.
std::uint64_t clip32(std::uint64_t value) { return std::min(value, kMax32); }

/// Common fields of an entry's two headers.
struct Written {
  std::uint64_t offset = 0, size = 0;
  std::uint32_t crc = 0;

  bool is_large() const { return size >= kMax32; }
  void append_fields(std::vector<std::byte>& out) const {
    append(out, 45, 2);      // version needed: 4.5, 64-bit sizes
    append(out, 0x0800, 2);  // names are UTF-8
    append(out, 0, 2);       // stored
    append(out, 0, 2);       // midnight
    append(out, 0x21, 2);    // 1980-01-01
    append(out, crc, 4);
    append(out, clip32(size), 4);
    append(out, clip32(size), 4);
  }
};

void append_local(std::vector<std::byte>& out, const ZipEntry& entry, const Written& written) {
  const std::size_t large = written.is_large() ? 20 : 0;
  const std::size_t unpadded = out.size() + kLocalSize + entry.name.size() + large + 4;
  const std::size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  append(out, kLocal, 4);
  written.append_fields(out);
  append(out, entry.name.size(), 2);
  append(out, large + 4 + padding, 2);
  append(out, entry.name);
  if (written.is_large()) {
    append(out, 1, 2);
    append(out, 16, 2);
    append(out, written.size, 8);
    append(out, written.size, 8);
  }
  append(out, "FB");  // torch.save's padding field
  append(out, padding, 2);
  out.resize(out.size() + padding);
}

void append_central(std::vector<std::byte>& out, const ZipEntry& entry, const Written& written) {
  const bool is_far = written.offset >= kMax32;
  const std::size_t body = (written.is_large() ? 16U : 0U) + (is_far ? 8U : 0U);
  append(out, kCentral, 4);
  append(out, 45, 2);
  written.append_fields(out);
  append(out, entry.name.size(), 2);
  append(out, body == 0 ? 0 : body + 4, 2);
  append(out, 0, 2 + 2 + 2 + 4);  // no comment, disk 0, no attributes
  append(out, clip32(written.offset), 4);
  append(out, entry.name);
  if (body == 0) return;
  append(out, 1, 2);
  append(out, body, 2);
  if (written.is_large()) {
    append(out, written.size, 8);
    append(out, written.size, 8);
  }
  if (is_far) append(out, written.offset, 8);
}

void append_end(std::vector<std::byte>& out, const Directory& directory) {
  const bool is_large =
      directory.entries >= kMax16 || directory.size >= kMax32 || directory.offset >= kMax32;
  if (is_large) {
    const std::uint64_t at = out.size();
    append(out, kEnd64, 4);
    append(out, kEnd64Size - 12, 8);
    append(out, 45, 2);
    append(out, 45, 2);
    append(out, 0, 8);  // disks
    append(out, directory.entries, 8);
    append(out, directory.entries, 8);
    append(out, directory.size, 8);
    append(out, directory.offset, 8);
    append(out, kLocator64, 4);
    append(out, 0, 4);
    append(out, at, 8);
    append(out, 1, 4);
  }
  append(out, kEnd, 4);
  append(out, 0, 4);  // disks
  append(out, std::min(directory.entries, kMax16), 2);
  append(out, std::min(directory.entries, kMax16), 2);
  append(out, clip32(directory.size), 4);
  append(out, clip32(directory.offset), 4);
  append(out, 0, 2);  // no comment
}

}  // namespace

bool is_zip(Bytes bytes) { return bytes.size() >= 4 && read_le(bytes.data(), 4) == kLocal; }

std::vector<ZipEntry> parse_zip(Bytes bytes, const std::string& name) {
  const Directory directory = find_directory(bytes, name);
  std::vector<ZipEntry> entries;
  std::unordered_set<std::string> names;
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::size_t>> ranges;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    auto read = read_entry(bytes, at, directory, name);
    at += read.record_size;
    ranges.emplace_back(read.begin, read.end, entries.size());
    CLEW_CHECK(names.insert(read.entry.name).second, name, ": entry '", excerpt(read.entry.name),
               "' is there twice");
    entries.push_back(std::move(read.entry));
  }
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 1; i < ranges.size(); ++i)
    CLEW_CHECK(std::get<1>(ranges[i - 1]) <= std::get<0>(ranges[i]), name, ": entries '",
               excerpt(entries[std::get<2>(ranges[i - 1])].name), "' and '",
               excerpt(entries[std::get<2>(ranges[i])].name), "' overlap");
  return entries;
}

std::vector<std::byte> unpack(const ZipEntry& entry, std::uint64_t max_bytes,
                              const std::string& name) {
  const auto where = concat(name, ": entry '", excerpt(entry.name), "'");
  CLEW_CHECK(entry.size <= max_bytes, where, " must have at most ", max_bytes, " bytes, got ",
             entry.size);
  if (!entry.is_compressed) return {entry.data.begin(), entry.data.end()};
  CLEW_CHECK(entry.is_deflated, where, " is compressed in another way than deflate");
  // Deflate's maximal ratio: no memory for an impossible size.
  constexpr std::uint64_t kMostPerByte = 1032;
  CLEW_CHECK(entry.size / kMostPerByte <= entry.data.size(), where, " claims ", entry.size,
             " bytes deflated to ", entry.data.size());
  std::vector<std::byte> content(entry.size);
  std::byte beyond{};  // output for an empty entry, and for detecting a longer one
  z_stream stream{};
  CLEW_CHECK(inflateInit2(&stream, -MAX_WBITS) == Z_OK, where, ": there is not enough memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ending(&stream, inflateEnd);
  constexpr std::size_t kPiece = std::size_t{1} << 30;  // zlib counts in 32 bits
  std::size_t read = 0, written = 0;
  int state = Z_OK;
  while (state == Z_OK) {
    const auto in = std::min(entry.data.size() - read, kPiece);
    const auto out = std::min(content.size() - written, kPiece);
    // zlib only reads its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(entry.data.data() + read));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out > 0 ? content.data() + written : &beyond);
    stream.avail_out = static_cast<uInt>(std::max<std::size_t>(out, 1));
    state = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    const auto got = std::max<std::size_t>(out, 1) - stream.avail_out;
    CLEW_CHECK(got <= out, where, " is longer than the ", entry.size, " bytes it claims");
    written += got;
  }
  CLEW_CHECK(state == Z_STREAM_END && read == entry.data.size(), where, " is damaged");
  CLEW_CHECK(written == content.size(), where, " must have ", entry.size, " bytes, got ", written);
  CLEW_CHECK(entry.checksum == checksum(content), where,
             " was altered: its checksum does not match");
  return content;
}

std::vector<std::byte> write_zip(std::span<const ZipEntry> entries) {
  std::vector<std::byte> out;
  std::size_t size = kEnd64Size + kLocator64Size + kEndSize;
  for (const auto& entry : entries) {
    CLEW_CHECK(entry.name.size() <= kMax16, "a zip entry's name has at most 65535 bytes, got ",
               entry.name.size());
    size += entry.data.size() + 2 * entry.name.size() + 256;
  }
  out.reserve(size);
  std::vector<Written> all;
  for (const auto& entry : entries) {
    all.push_back({out.size(), entry.data.size(), checksum(entry.data)});
    append_local(out, entry, all.back());
    out.insert(out.end(), entry.data.begin(), entry.data.end());
  }
  Directory directory = {entries.size(), 0, out.size()};
  for (std::size_t i = 0; i < entries.size(); ++i) append_central(out, entries[i], all[i]);
  directory.size = out.size() - directory.offset;
  append_end(out, directory);
  return out;
}

}  // namespace clew::nn
