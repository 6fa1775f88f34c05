// SPDX-License-Identifier: Apache-2.0
#include "clew/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <bit>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace {

constexpr std::size_t kMaxSides = 8;
constexpr std::uint64_t kLongestFile = std::uint64_t{1} << 32;

/// Sequential bytes of a file, plain or decompressed.
class Source {
 public:
  virtual ~Source() = default;
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  /// Reads up to to.size() bytes; returns their number.
  virtual std::size_t read(std::span<std::uint8_t> to) = 0;
};

class Plain : public Source {
 public:
  explicit Plain(std::span<const std::uint8_t> file) : file_(file) {}
  std::size_t read(std::span<std::uint8_t> to) override {
    const std::size_t count = std::min(to.size(), file_.size());
    std::copy_n(file_.begin(), count, to.begin());
    file_ = file_.subspan(count);
    return count;
  }

 private:
  std::span<const std::uint8_t> file_;
};

bool is_gzip(std::span<const std::uint8_t> file) {
  return file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
}

class Gzip : public Source {
 public:
  Gzip(std::span<const std::uint8_t> file, const std::string& name) : file_(file), name_(name) {
    // +16: gzip format only.
    CLEW_CHECK(inflateInit2(&stream_, 15 + 16) == Z_OK, name, ": zlib does not start");
  }
  ~Gzip() override { inflateEnd(&stream_); }

  std::size_t read(std::span<std::uint8_t> to) override {
    std::size_t filled = 0;
    while (filled < to.size() && !is_over_) {
      // zlib counts in 32 bits.
      const auto in = static_cast<uInt>(std::min(file_.size(), kChunk));
      const auto room = static_cast<uInt>(std::min(to.size() - filled, kChunk));
      stream_.next_in = const_cast<Bytef*>(file_.data());  // zlib's API; it only reads
      stream_.avail_in = in;
      stream_.next_out = to.data() + filled;
      stream_.avail_out = room;
      const int code = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t taken = in - stream_.avail_in, given = room - stream_.avail_out;
      file_ = file_.subspan(taken);
      filled += given;
      if (code == Z_STREAM_END) {
        is_over_ = !is_gzip(file_);  // members are concatenated (RFC 1952)
        CLEW_CHECK(!is_over_ || file_.empty(), name_, ": ", file_.size(),
                   " bytes after the end of the gzip");
        if (!is_over_) inflateReset(&stream_);
      } else {
        CLEW_CHECK(code == Z_OK || code == Z_BUF_ERROR, name_,
                   ": the gzip is damaged: ", stream_.msg ? stream_.msg : zError(code));
        CLEW_CHECK(taken > 0 || given > 0, name_, ": the gzip is cut short");
      }
    }
    return filled;
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 30;
  std::span<const std::uint8_t> file_;
  const std::string& name_;
  z_stream stream_ = {};
  bool is_over_ = false;
};

void swap_bytes(std::vector<std::uint8_t>& data, std::size_t size) {
  if (size == 1 || std::endian::native == std::endian::big) return;
  for (std::size_t i = 0; i + size <= data.size(); i += size) {
    std::reverse(data.data() + i, data.data() + i + size);
  }
}

IdxArray read_array(Source& source, const std::string& name, std::uint64_t max_bytes,
                    const IdxHeadCheck& check_head) {
  std::uint8_t head[4 + 4 * kMaxSides];
  CLEW_CHECK(source.read(std::span(head, 4)) == 4, name, ": an IDX file has at least 4 bytes");
  CLEW_CHECK(head[0] == 0 && head[1] == 0, name, ": an IDX file begins with two zero bytes, got ",
             int{head[0]}, " and ", int{head[1]});
  IdxArray array{.type = static_cast<IdxType>(head[2]), .shape = {}, .data = {}};
  const std::uint64_t size = idx_type_size(array.type);
  CLEW_CHECK(size > 0, name, ": the number type must be 8, 9, 11, 12, 13 or 14, got ",
             int{head[2]});
  const std::size_t sides = head[3];
  CLEW_CHECK(sides >= 1 && sides <= kMaxSides, name, ": an IDX file must have 1..", kMaxSides,
             " sides, got ", sides);
  CLEW_CHECK(source.read(std::span(head + 4, 4 * sides)) == 4 * sides, name,
             ": the file ends inside its header of ", sides, " sides");
  std::uint64_t wanted = size;
  for (std::size_t i = 0; i < sides; ++i) {
    const std::uint8_t* at = head + 4 + 4 * i;
    const std::uint64_t side =
        std::uint64_t{at[0]} << 24 | std::uint64_t{at[1]} << 16 | std::uint64_t{at[2]} << 8 | at[3];
    CLEW_CHECK(side == 0 || wanted <= max_bytes / side, name, ": the header claims more than the ",
               max_bytes, " bytes that are allowed");
    wanted *= side;
    array.shape.push_back(static_cast<std::int64_t>(side));
  }
  if (check_head) check_head(array);
  // Grows with the actual data: a wrong header takes no memory.
  constexpr std::uint64_t kFirst = 1 << 20;
  std::uint64_t have = 0;
  while (have < wanted) {
    array.data.resize(std::min(wanted, std::max(kFirst, 2 * have)));
    const std::size_t got = source.read(std::span(array.data).subspan(have));
    have += got;
    CLEW_CHECK(have == array.data.size(), name, ": the header claims ", wanted,
               " bytes of numbers, the file has ", have);
  }
  std::uint8_t more = 0;
  CLEW_CHECK(source.read(std::span(&more, 1)) == 0, name, ": the file has more than the ", wanted,
             " bytes of numbers that its header claims");
  swap_bytes(array.data, size);
  return array;
}

}  // namespace

std::size_t idx_type_size(IdxType type) {
  switch (type) {
    case IdxType::kU8:
    case IdxType::kI8:
      return 1;
    case IdxType::kI16:
      return 2;
    case IdxType::kI32:
    case IdxType::kF32:
      return 4;
    case IdxType::kF64:
      return 8;
  }
  return 0;
}

IdxArray parse_idx(std::span<const std::uint8_t> file, const std::string& name,
                   std::uint64_t max_bytes, const IdxHeadCheck& check_head) {
  if (is_gzip(file)) {
    Gzip source(file, name);
    return read_array(source, name, max_bytes, check_head);
  }
  Plain source(file);
  return read_array(source, name, max_bytes, check_head);
}

IdxArray read_idx(const std::filesystem::path& path, std::uint64_t max_bytes,
                  const IdxHeadCheck& check_head) {
  const std::string bytes = read_file(path, kLongestFile);
  return parse_idx({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()},
                   path.string(), max_bytes, check_head);
}

std::vector<std::uint8_t> format_idx(const IdxArray& array, bool is_gzip) {
  const std::size_t size = idx_type_size(array.type);
  CLEW_CHECK(size > 0, "an IDX array needs one of the format's number types, got ",
             static_cast<int>(array.type));
  CLEW_CHECK(array.shape.size() >= 1 && array.shape.size() <= kMaxSides,
             "an IDX array must have 1..", kMaxSides, " sides, got ", array.shape.size());
  std::vector<std::uint8_t> file = {0, 0, static_cast<std::uint8_t>(array.type),
                                    static_cast<std::uint8_t>(array.shape.size())};
  std::uint64_t wanted = size;
  for (const std::int64_t side : array.shape) {
    CLEW_CHECK(side >= 0 && side <= UINT32_MAX, "an IDX side must be in 0..", UINT32_MAX, ", got ",
               side);
    CLEW_CHECK(side == 0 || wanted <= kMaxIdxBytes / static_cast<std::uint64_t>(side),
               "an IDX array must have at most ", kMaxIdxBytes, " bytes");
    wanted *= static_cast<std::uint64_t>(side);
    for (int shift = 24; shift >= 0; shift -= 8)
      file.push_back(static_cast<std::uint8_t>(side >> shift));
  }
  CLEW_CHECK(array.data.size() == wanted, "an IDX array of this shape has ", wanted, " bytes, got ",
             array.data.size());
  auto data = array.data;
  swap_bytes(data, size);
  file.insert(file.end(), data.begin(), data.end());
  if (!is_gzip) return file;

  z_stream stream = {};
  CLEW_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
             "zlib does not start");
  std::vector<std::uint8_t> packed(deflateBound(&stream, file.size()));
  stream.next_in = file.data();
  stream.avail_in = static_cast<uInt>(file.size());  // below 2^32 by the check above
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  const int code = deflate(&stream, Z_FINISH);
  packed.resize(packed.size() - stream.avail_out);
  deflateEnd(&stream);
  CLEW_CHECK(code == Z_STREAM_END, "zlib cannot pack ", file.size(), " bytes");
  return packed;
}

void write_idx(const std::filesystem::path& path, const IdxArray& array) {
  const auto file = format_idx(array, path.extension() == ".gz");
  write_file_atomic(path, std::as_bytes(std::span(file)));
}

}  // namespace clew::data
