// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::nn {
namespace safetensors_test {

std::vector<std::byte> file_of(const std::string& header, std::size_t data_bytes) {
  std::vector<std::byte> bytes(8 + header.size() + data_bytes);
  bytes[0] = static_cast<std::byte>(header.size() & 0xff);
  bytes[1] = static_cast<std::byte>(header.size() >> 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string refusal(const std::vector<std::byte>& bytes) {
  return clew::error_of([&] { parse_safetensors(bytes, "w.safetensors"); });
}

TEST(Safetensors, RoundTrip) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const std::vector<std::uint8_t> small = {7, 8, 9};
  TensorFile file;
  file.metadata["made by"] = "a \"test\"";
  file.tensors["b"] = {"F32", {2, 3}, std::as_bytes(std::span(values))};
  file.tensors["a"] = {"U8", {3}, std::as_bytes(std::span(small))};
  file.tensors["empty"] = {"I64", {0, 5}, {}};
  const auto bytes = write_safetensors(file);
  const auto read = parse_safetensors(bytes, "round");
  EXPECT_EQ(read.metadata.at("made by"), "a \"test\"");
  EXPECT_EQ(read.metadata.count("clew.checksum"), 1U);
  EXPECT_EQ(read.tensors.at("b").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(read.tensors.at("b").data.data(), values.data(), 24), 0);
  EXPECT_EQ(read.tensors.at("a").data.size(), 3U);
  EXPECT_EQ(read.tensors.at("empty").data.size(), 0U);
  EXPECT_EQ(write_safetensors(read), bytes);
}

TEST(Safetensors, ReadsAFileWrittenByHand) {
  const auto bytes = file_of(R"({"x":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}})", 4);
  EXPECT_EQ(parse_safetensors(bytes, "hand").tensors.at("x").data.size(), 4U);
}

TEST(Safetensors, SaysWhatIsWrong) {
  const struct {
    const char* header;
    std::size_t data;
    const char* wanted;
  } cases[] = {
      {"{", 0, "the header is not JSON"},
      {"[]", 0, "the header must be a JSON object"},
      {R"({"x":{"dtype":"F32","shape":[1]}})", 4,
       "tensor 'x': an entry needs dtype, shape and two data_offsets"},
      {R"({"x":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4, "unknown dtype 'F31'"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4,
       "F32 [2] takes 8 bytes, data_offsets give 4"},
      {R"({"x":{"dtype":"F32","shape":[0,2000000000,2000000000],"data_offsets":[0,0]}})", 0,
       "shape [0,2000000000,2000000000] overflows"},
      {R"({"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4,
       "shape [18446744073709551615] overflows"},
      {R"({"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4,
       "shape must be whole numbers"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4,
       "lie outside the 4 data bytes"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}})", 4,
       "lie outside the 4 data bytes"},
      {R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
       6, "tensors overlap at data byte 2"},
      {R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})",
       6, "tensors leave a gap at data byte 2"},
      {R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 5,
       "3 bytes after the last tensor"},
      {R"({"__metadata__":{"a":1}})", 0, "__metadata__ 'a' must be a string"},
      {R"({"__metadata__":{"clew.checksum":"00"},"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
       2, "the data was altered or is incomplete"},
  };
  for (const auto& item : cases) {
    const auto text = refusal(file_of(item.header, item.data));
    EXPECT_NE(text.find(item.wanted), std::string::npos) << item.header << " -> " << text;
    EXPECT_EQ(text.rfind("w.safetensors: ", 0), 0U) << text;
  }
  EXPECT_NE(refusal({}).find("at least 8 bytes"), std::string::npos);
  EXPECT_NE(refusal(std::vector<std::byte>(8, std::byte{0xff})).find("the header claims"),
            std::string::npos);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// A file with the header and the data, which has the values 0, 1, 2, ...
std::vector<std::byte> counted(const std::string& header, std::size_t data_bytes) {
  auto bytes = file_of(header, data_bytes);
  for (std::size_t i = 0; i < data_bytes; ++i)
    bytes[bytes.size() - data_bytes + i] = static_cast<std::byte>(i);
  return bytes;
}

// Python's library sorts by type before it writes, and keeps the metadata.
TEST(Safetensors, ChecksumDoesNotDependOnTheOrder) {
  const std::vector<std::uint8_t> small = {0, 1}, wide = {2, 3, 4, 5};
  TensorFile file;
  file.tensors["a"] = {"U8", {2}, std::as_bytes(std::span(small))};
  file.tensors["b"] = {"F32", {1}, std::as_bytes(std::span(wide))};
  const auto written = write_safetensors(file);
  const auto checksum = parse_safetensors(written, "w").metadata.at("clew.checksum");
  const auto header = R"({"__metadata__":{"clew.checksum":")" + checksum +
                      R"("},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("a":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}})";
  auto turned = file_of(header, 6);
  std::memcpy(&turned[turned.size() - 6], wide.data(), 4);
  std::memcpy(&turned[turned.size() - 2], small.data(), 2);
  const auto read = parse_safetensors(turned, "turned");
  EXPECT_EQ(read.tensors.at("a").data[1], std::byte{1});
  EXPECT_EQ(write_safetensors(read), written);

  const std::string altered = "w.safetensors: the data was altered or is incomplete: checksum 2:";
  const std::string remedy =
      ", wanted " + checksum +
      "; if it was altered on purpose, remove 'clew.checksum' from its metadata";
  const auto expect_altered = [&](const std::vector<std::byte>& bytes) {
    const auto text = refusal(bytes);
    EXPECT_TRUE(text.starts_with(altered) && text.ends_with(remedy)) << text;
  };
  auto other = turned;
  other.back() ^= std::byte{1};
  expect_altered(other);
  for (const auto& [from, to] : {std::pair{"\"a\"", "\"c\""}, {"U8", "I8"}, {"[2]", "[1,2]"}}) {
    auto changed = file_of(replaced(header, from, to), 6);
    std::copy(turned.end() - 6, turned.end(), changed.end() - 6);
    expect_altered(changed);
  }
}

// As files had it at first: of the data alone, in the order of names.
TEST(Safetensors, ChecksumOfTheDataIsStillRead) {
  const std::uint8_t data[] = {0, 1, 2, 3};
  char checksum[17];
  std::snprintf(checksum, sizeof checksum, "%016llx",
                static_cast<unsigned long long>(hash64(std::as_bytes(std::span(data)))));
  const auto begin = R"({"__metadata__":{"clew.checksum":")" + std::string(checksum) + R"("},)";
  const auto in_order = counted(begin + R"("a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                                        R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                                4);
  EXPECT_EQ(parse_safetensors(in_order, "old").tensors.size(), 2U);
  auto turned = counted(begin + R"("a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]},)"
                                R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                        4);
  EXPECT_NE(refusal(turned).find("the data was altered"), std::string::npos);
  std::rotate(turned.end() - 4, turned.end() - 2, turned.end());
  EXPECT_EQ(parse_safetensors(turned, "old").tensors.at("a").data[1], std::byte{1});
}

TEST(Safetensors, KeysThatAreThereTwice) {
  const std::string x = R"("x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]})";
  EXPECT_EQ(refusal(file_of("{" + x + "," + x + "}", 2)),
            "w.safetensors: the header gives 'x' twice");
  EXPECT_EQ(
      refusal(file_of(R"({"x":{"dtype":"U8","shape":[2],"shape":[1],"data_offsets":[0,2]}})", 2)),
      "w.safetensors: the header gives 'shape' twice");
  EXPECT_EQ(refusal(file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0)),
            "w.safetensors: the header gives 'a' twice");
  const auto two = file_of("{" + x + R"(,"y":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})", 2);
  EXPECT_EQ(parse_safetensors(two, "two").tensors.size(), 2U);
}

TEST(Safetensors, WhatAFileSaysStaysOnOneShortLine) {
  std::string sides = "1";
  for (int i = 0; i < 10'000; ++i) sides += ",1";
  const auto entry = [](const std::string& name, const std::string& dtype,
                        const std::string& shape) {
    return "{\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":[)" + shape +
           R"(],"data_offsets":[0,4]}})";
  };
  const std::string evil = "\\n\\u001b[31m\xc2\x9b" + std::string(30'000, 'x');
  for (const auto& [header, wanted] : std::initializer_list<std::pair<std::string, const char*>>{
           {entry(evil, "F32", "2"), "tensor '\\x0a\\x1b[31m\\xc2\\x9bxxx"},
           {entry("a", evil, "1"), "unknown dtype '\\x0a\\x1b[31m\\xc2\\x9bxxx"},
           {entry("a", "F32", sides), "shape must have at most 64 sides, got 10001"},
           {entry("a", "F32", "\"" + evil + "\""), "shape must be whole numbers"},
           {"{\"a\xff\x1b\":1}", "the header is not JSON from its byte 4 on"},
           {"{\"a\":1e999}", "the header is not JSON from its byte"},
           {R"({"a":[[[[]]]]})", "the header nests deeper"},
           {R"({"__metadata__":{"\n":1}})", "__metadata__ '\\x0a' must be a string"},
           {R"({"__metadata__":{"clew.checksum":"\u001b"}})", "wanted \\x1b;"}}) {
    const auto text =
        refusal(file_of(header, header.find("data_offsets") == std::string::npos ? 0 : 4));
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\n" << text;
    EXPECT_LT(text.size(), 600U);
    EXPECT_TRUE(std::ranges::none_of(text, [](char c) { return c >= 0 && c < ' '; })) << text;
  }
}

// Quadratic work would take minutes.
TEST(Safetensors, ManyEntriesTakeTheTimeOfMany) {
  std::string header = "{";
  for (int i = 0; i < 200'000; ++i)
    header +=
        concat(i > 0 ? "," : "", '"', i, R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})");
  header += "}";
  std::vector<std::byte> bytes(8 + header.size());
  for (std::size_t i = 0; i < 4; ++i)
    bytes[i] = static_cast<std::byte>(header.size() >> 8 * i & 0xff);
  std::memcpy(&bytes[8], header.data(), header.size());
  EXPECT_EQ(parse_safetensors(bytes, "many").tensors.size(), 200'000U);
}

TEST(Safetensors, WhatCannotBeWritten) {
  const auto of = [](const std::string& name, const std::string& value) {
    return clew::error_of([&] {
      TensorFile file;
      file.metadata["key"] = value;
      file.tensors[name] = {"U8", {0}, {}};
      write_safetensors(file);
    });
  };
  EXPECT_EQ(of("a\xff", ""), "a tensor's name must be UTF-8, got 'a\\xff'");
  EXPECT_EQ(of("__metadata__", ""), "a safetensors file cannot hold a tensor named '__metadata__'");
  EXPECT_EQ(of("a", "\xff"), "metadata must be UTF-8, got 'key' with '\\xff'");
}

}  // namespace safetensors_test
}  // namespace clew::nn
