// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::nn {
namespace {

constexpr std::uint64_t kHeaderMax = 100'000'000;  // the format's own limit
constexpr const char* kChecksum = "clew.checksum";

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

TensorEntry parse_entry(const nlohmann::json& item, std::span<const std::byte> data,
                        const std::string& where) {
  CLEW_CHECK(item.is_object() && item.contains("dtype") && item["dtype"].is_string() &&
                 item.contains("shape") && item["shape"].is_array() &&
                 item.contains("data_offsets") && item["data_offsets"].is_array() &&
                 item["data_offsets"].size() == 2,
             where, ": an entry needs dtype, shape and two data_offsets");
  TensorEntry entry;
  entry.dtype = item["dtype"].get<std::string>();
  const std::uint64_t size = dtype_size(entry.dtype);
  CLEW_CHECK(size > 0, where, ": unknown dtype '", entry.dtype, "'");
  std::uint64_t wanted = size;
  for (const auto& length : item["shape"]) {
    CLEW_CHECK(length.is_number_unsigned() && length.get<std::uint64_t>() <= data.size(), where,
               ": shape must be whole numbers no larger than the file, got ", item["shape"].dump());
    const auto value = length.get<std::uint64_t>();
    entry.shape.push_back(static_cast<std::int64_t>(value));
    CLEW_CHECK(value == 0 || wanted <= UINT64_MAX / value, where, ": shape ", item["shape"].dump(),
               " overflows");
    wanted *= value;
  }
  const auto& offsets = item["data_offsets"];
  CLEW_CHECK(offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(), where,
             ": data_offsets must be whole numbers, got ", offsets.dump());
  const auto begin = offsets[0].get<std::uint64_t>(), end = offsets[1].get<std::uint64_t>();
  CLEW_CHECK(begin <= end && end <= data.size(), where, ": data_offsets ", offsets.dump(),
             " lie outside the ", data.size(), " data bytes");
  CLEW_CHECK(end - begin == wanted, where, ": ", entry.dtype, " ", item["shape"].dump(), " takes ",
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
  nlohmann::json root;
  try {
    root = nlohmann::json::parse(header, header + length);
  } catch (const nlohmann::json::exception& error) {
    throw Error(concat(name, ": the header is not JSON: ", error.what()));
  }
  CLEW_CHECK(root.is_object(), name, ": the header must be a JSON object");

  TensorFile file;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& [key, item] : root.items()) {
    if (key == "__metadata__") {
      CLEW_CHECK(item.is_object(), name, ": __metadata__ must be an object of strings");
      for (const auto& [field, value] : item.items()) {
        CLEW_CHECK(value.is_string(), name, ": __metadata__ '", field, "' must be a string");
        file.metadata[field] = value.get<std::string>();
      }
      continue;
    }
    const auto entry = parse_entry(item, data, name + ": tensor '" + key + "'");
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
  if (const auto found = file.metadata.find(kChecksum); found != file.metadata.end()) {
    const auto got = hex64(hash64(data));
    CLEW_CHECK(found->second == got, name, ": the data was altered or is incomplete: checksum ",
               got, ", wanted ", found->second);
  }
  return file;
}

std::vector<std::byte> write_safetensors(const TensorFile& file) {
  nlohmann::json root = nlohmann::json::object();
  std::uint64_t position = 0;
  for (const auto& [name, entry] : file.tensors) {
    root[name] = {{"dtype", entry.dtype},
                  {"shape", entry.shape},
                  {"data_offsets", {position, position + entry.data.size()}}};
    position += entry.data.size();
  }
  std::vector<std::byte> data(position);
  position = 0;
  for (const auto& [name, entry] : file.tensors) {
    if (!entry.data.empty())
      std::memcpy(data.data() + position, entry.data.data(), entry.data.size());
    position += entry.data.size();
  }
  for (const auto& [key, value] : file.metadata) root["__metadata__"][key] = value;
  root["__metadata__"][kChecksum] = hex64(hash64(data));
  auto header = root.dump();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // the data section starts 8-byte aligned

  std::vector<std::byte> out(8 + header.size() + data.size());
  for (int i = 0; i < 8; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<std::byte>(header.size() >> (8 * i) & 0xff);
  std::memcpy(out.data() + 8, header.data(), header.size());
  if (!data.empty()) std::memcpy(out.data() + 8 + header.size(), data.data(), data.size());
  return out;
}

}  // namespace clew::nn
