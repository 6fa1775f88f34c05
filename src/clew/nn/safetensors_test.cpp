// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/support/expect_error.h"

namespace clew::nn {
namespace {

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

}  // namespace
}  // namespace clew::nn
