// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/protobuf.h"

#include <gtest/gtest.h>

#include <string>

namespace clew::nn {
namespace protobuf_test {

using namespace std::string_literals;

// A key is field << 3 | wire type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
TEST(ProtoMessage, WireTypesByHand) {
  EXPECT_EQ(ProtoMessage().integer(1, 150).bytes(), "\x08\x96\x01"s);
  EXPECT_EQ(ProtoMessage().integer(16, -1).bytes(),  // a key of two bytes, a value of ten
            "\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s);
  EXPECT_EQ(ProtoMessage().real(2, 1.0).bytes(), "\x11\0\0\0\0\0\0\xf0\x3f"s);
  EXPECT_EQ(ProtoMessage().real(2, 1.0F).bytes(), "\x15\0\0\x80\x3f"s);
  EXPECT_EQ(ProtoMessage().text(3, "ab").bytes(),
            "\x1a\x02"
            "ab"s);
  EXPECT_EQ(ProtoMessage().message(4, ProtoMessage().integer(1, 1)).bytes(), "\x22\x02\x08\x01"s);
  EXPECT_EQ(ProtoMessage().integer(1, 0).append(ProtoMessage().text(2, "")).bytes(),
            "\x08\0\x12\0"s);
}

}  // namespace protobuf_test
}  // namespace clew::nn
