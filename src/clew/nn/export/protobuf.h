// SPDX-License-Identifier: Apache-2.0
// Writes protocol buffer messages field by field: what an ONNX file and TensorBoard's events are made
// of. Writing only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace clew::nn {

/// One message. Fields come out in the order they are added, so equal calls give equal bytes.
class ProtoMessage {
 public:
  ProtoMessage& integer(int field, std::int64_t value);  // int64, int32, enum, bool
  ProtoMessage& real(int field, float value);
  ProtoMessage& real(int field, double value);
  ProtoMessage& text(int field, std::string_view value);  // string, bytes
  ProtoMessage& message(int field, const ProtoMessage& value) { return text(field, value.bytes_); }
  /// The fields of `other` after those here.
  ProtoMessage& append(const ProtoMessage& other);
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value);
  void key(int field, int wire_type);
  void little_endian(std::uint64_t bits, int bytes);

  std::string bytes_;
};

}  // namespace clew::nn
