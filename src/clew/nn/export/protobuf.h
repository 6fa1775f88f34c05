// SPDX-License-Identifier: Apache-2.0
// Writer of protocol buffer messages, for ONNX files and TensorBoard's events.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clew::nn {

/// One message. Fields are in the order of calls, so equal calls give equal bytes.
class ProtoMessage {
 public:
  ProtoMessage& integer(int field, std::int64_t value);  // int64, int32, enum, bool
  ProtoMessage& real(int field, float value);
  ProtoMessage& real(int field, double value);
  ProtoMessage& text(int field, std::string_view value);  // string, bytes
  ProtoMessage& message(int field, const ProtoMessage& value) { return text(field, value.bytes_); }
  /// Appends the fields of `other`.
  ProtoMessage& append(const ProtoMessage& other);
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value);
  void key(int field, int wire_type);
  void little_endian(std::uint64_t bits, int bytes);

  std::string bytes_;
};

}  // namespace clew::nn
