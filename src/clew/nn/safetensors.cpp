// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"

namespace clew::nn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kHeaderMax = 100'000'000;    // the format's limit
constexpr std::size_t kMaxHeaderValues = 4'000'000;  // an entry has six or more
constexpr std::size_t kMaxSides = 64;                // LibTorch's operators take no more
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kChecksum = "clew.checksum";
constexpr std::string_view kByEntry = "2:";  // prefix of order-independent checksums

std::string hex64(std::uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

std::uint64_t read_length(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (int i = 7; i >= 0; --i)
    value = value << 8 | static_cast<std::uint64_t>(bytes[static_cast<std::size_t>(i)]);
  return value;
}

/// Entries by name.
std::vector<NamedEntry> by_name(const TensorFile& file) {
  std::vector<NamedEntry> entries;
  for (const auto& [name, entry] : file.tensors) entries.push_back({name, entry});
  return entries;
}

std::vector<std::byte> joined_data(std::span<const NamedEntry> entries) {
  std::size_t size = 0;
  for (const auto& [name, entry] : entries) size += entry.data.size();
  std::vector<std::byte> data;
  data.reserve(size);
  for (const auto& [name, entry] : entries)
    data.insert(data.end(), entry.data.begin(), entry.data.end());
  return data;
}

std::string checksum_of(const TensorFile& file) {
  std::uint64_t sum = 0;
  for (const auto& [name, entry] : file.tensors) {
    std::string label = name + '\0' + entry.dtype + '\0';
    for (const auto side : entry.shape) label += std::to_string(side) + ',';
    sum = hash64(entry.data, hash64(std::as_bytes(std::span(label)), sum));
  }
  return std::string(kByEntry) + hex64(sum);
}

void check_checksum(const TensorFile& file, const std::string& name) {
  const auto found = file.metadata.find(kChecksum);
  if (found == file.metadata.end()) return;
  const auto& wanted = found->second;
  // Older files have a checksum of their data in this order.
  const auto got =
      wanted.starts_with(kByEntry) ? checksum_of(file) : hex64(hash64(joined_data(by_name(file))));
  CLEW_CHECK(wanted == got, name, ": the data was altered or is incomplete: checksum ", got,
             ", wanted ", excerpt(wanted), "; if it was altered on purpose, remove '", kChecksum,
             "' from its metadata");
}

/// Check of a header before it is parsed: duplicate keys, nesting depth, number of values. (The
/// parser's own callback takes quadratic time.)
class HeaderCheck : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderCheck(const std::string& name) : name_(name) {}

  bool null() override { return count(); }
  bool boolean(bool /*value*/) override { return count(); }
  bool number_integer(std::int64_t /*value*/) override { return count(); }
  bool number_unsigned(std::uint64_t /*value*/) override { return count(); }
  bool number_float(double /*value*/, const std::string& /*text*/) override { return count(); }
  bool string(std::string& /*value*/) override { return count(); }
  bool binary(Json::binary_t& /*value*/) override { return count(); }
  bool start_object(std::size_t /*size*/) override { return open(); }
  bool start_array(std::size_t /*size*/) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& key) override {
    CLEW_CHECK(keys_.back().insert(key).second, name_, ": the header gives '", excerpt(key),
               "' twice");
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    throw Error(concat(name_, ": the header is not JSON from its byte ", position, " on"));
  }

 private:
  bool count() {
    CLEW_CHECK(++values_ <= kMaxHeaderValues, name_, ": the header holds more than ",
               kMaxHeaderValues, " values");
    return true;
  }
  bool open() {
    CLEW_CHECK(keys_.size() < 3, name_, ": the header nests deeper than the lists of an entry");
    keys_.emplace_back();
    return count();
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const std::string& name_;
  std::vector<std::unordered_set<std::string>> keys_;  // of open objects and lists
  std::size_t values_ = 0;
};

Json parse_header(std::string_view text, const std::string& name) {
  HeaderCheck check(name);
  Json::sax_parse(text, &check);
  return Json::parse(text);
}

TensorEntry parse_entry(const Json& item, std::span<const std::byte> data,
                        const std::string& where) {
  CLEW_CHECK(item.is_object() && item.contains("dtype") && item["dtype"].is_string() &&
                 item.contains("shape") && item["shape"].is_array() &&
                 item.contains("data_offsets") && item["data_offsets"].is_array() &&
                 item["data_offsets"].size() == 2,
             where, ": an entry needs dtype, shape and two data_offsets");
  TensorEntry entry;
  entry.dtype = item["dtype"].get<std::string>();
  const std::uint64_t size = dtype_size(entry.dtype);
  CLEW_CHECK(size > 0, where, ": unknown dtype '", excerpt(entry.dtype), "'");
  CLEW_CHECK(item["shape"].size() <= kMaxSides, where, ": shape must have at most ", kMaxSides,
             " sides, got ", item["shape"].size());
  std::uint64_t wanted = size;  // without the sides of 0, which make it 0
  bool is_empty = false;
  for (const auto& length : item["shape"]) {
    CLEW_CHECK(length.is_number_unsigned(), where, ": shape must be whole numbers, got ",
               excerpt(item["shape"].dump()));
    const auto value = length.get<std::uint64_t>();
    is_empty |= value == 0;
    CLEW_CHECK(value == 0 || wanted <= INT64_MAX / value, where, ": shape ",
               excerpt(item["shape"].dump()), " overflows");
    entry.shape.push_back(static_cast<std::int64_t>(value));
    wanted *= std::max<std::uint64_t>(value, 1);
  }
  if (is_empty) wanted = 0;
  const auto& offsets = item["data_offsets"];
  CLEW_CHECK(offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(), where,
             ": data_offsets must be whole numbers, got ", excerpt(offsets.dump()));
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  CLEW_CHECK(begin <= end && end <= data.size(), where, ": data_offsets ", offsets.dump(),
             " lie outside the ", data.size(), " data bytes");
  CLEW_CHECK(end - begin == wanted, where, ": ", entry.dtype, " ", excerpt(entry.shape), " takes ",
             wanted, " bytes, data_offsets give ", end - begin);
  entry.data = data.subspan(begin, end - begin);
  return entry;
}

}  // namespace

std::size_t dtype_size(const std::string& dtype) {
  if (dtype == "F64" || dtype == "I64" || dtype == "U64") return 8;
  if (dtype == "F32" || dtype == "I32" || dtype == "U32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16" || dtype == "U16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

TensorFile parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  CLEW_CHECK(bytes.size() >= 8, name, ": a safetensors file has at least 8 bytes, got ",
             bytes.size());
  const std::uint64_t length = read_length(bytes);
  CLEW_CHECK(length <= kHeaderMax && length <= bytes.size() - 8, name, ": the header claims ",
             length, " bytes, the file has ", bytes.size() - 8, " after its length");
  const auto* header = reinterpret_cast<const char*>(bytes.data() + 8);
  const auto data = bytes.subspan(8 + length);
  const auto root = parse_header({header, length}, name);
  CLEW_CHECK(root.is_object(), name, ": the header must be a JSON object");

  TensorFile file;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [key, item] : root.items()) {
    if (key == kMetadata) {
      CLEW_CHECK(item.is_object(), name, ": __metadata__ must be an object of strings");
      for (const auto& [field, value] : item.items()) {
        CLEW_CHECK(value.is_string(), name, ": __metadata__ '", excerpt(field),
                   "' must be a string");
        file.metadata[field] = value.get<std::string>();
      }
      continue;
    }
    const auto entry = parse_entry(item, data, name + ": tensor '" + excerpt(key) + "'");
    const auto begin = static_cast<std::uint64_t>(entry.data.data() - data.data());
    ranges.emplace_back(begin, begin + entry.data.size());
    file.tensors.emplace(key, entry);
  }
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t position = 0;
  for (const auto& [begin, end] : ranges) {
    CLEW_CHECK(begin == position, name, ": tensors ", begin < position ? "overlap" : "leave a gap",
               " at data byte ", std::min(begin, position));
    position = end;
  }
  CLEW_CHECK(position == data.size(), name, ": ", data.size() - position,
             " bytes after the last tensor");
  check_checksum(file, name);
  return file;
}

namespace {

/// Serialises `entries` in their order; `file` has the same ones.
std::vector<std::byte> written(const TensorFile& file, std::span<const NamedEntry> entries) {
  Json metadata = Json::object();
  for (const auto& [key, value] : file.metadata) {
    CLEW_CHECK(is_utf8(key) && is_utf8(value), "metadata must be UTF-8, got '", excerpt(key),
               "' with '", excerpt(value), "'");
    metadata[key] = value;
  }
  metadata[kChecksum] = checksum_of(file);
  std::string header = concat("{\"", kMetadata, "\":", metadata.dump());
  std::uint64_t position = 0;
  for (const auto& [name, entry] : entries) {
    CLEW_CHECK(is_utf8(name), "a tensor's name must be UTF-8, got '", excerpt(name), "'");
    CLEW_CHECK(name != kMetadata, "a safetensors file cannot hold a tensor named '", name, "'");
    const Json item = {{"dtype", entry.dtype},
                       {"shape", entry.shape},
                       {"data_offsets", {position, position + entry.data.size()}}};
    header += ',' + Json(name).dump() + ':' + item.dump();
    position += entry.data.size();
  }
  header += '}';
  const auto data = joined_data(entries);
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the data section starts 8-byte aligned

  std::vector<std::byte> out(8 + header.size() + data.size());
  for (int i = 0; i < 8; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<std::byte>(header.size() >> (8 * i) & 0xff);
  std::memcpy(out.data() + 8, header.data(), header.size());
  if (!data.empty()) std::memcpy(out.data() + 8 + header.size(), data.data(), data.size());
  return out;
}

}  // namespace

std::vector<std::byte> write_safetensors(const TensorFile& file) {
  return written(file, by_name(file));
}

std::vector<std::byte> write_safetensors(std::span<const NamedEntry> tensors) {
  TensorFile file;
  for (const auto& [name, entry] : tensors)
    CLEW_CHECK(file.tensors.emplace(name, entry).second, "two tensors are named '", excerpt(name),
               "'");
  return written(file, tensors);
}

std::vector<NamedEntry> in_order(const TensorFile& file) {
  auto entries = by_name(file);
  // Empty tensors before others at the same offset.
  std::ranges::stable_sort(entries, std::less<>(), [](const NamedEntry& one) {
    return std::pair(one.entry.data.data(), one.entry.data.size());
  });
  return entries;
}

}  // namespace clew::nn
