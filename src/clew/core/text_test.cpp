// SPDX-License-Identifier: Apache-2.0
#include "clew/core/text.h"

#include <gtest/gtest.h>

namespace clew {
namespace text_test {

TEST(Text, PrintableHasNoCommandsOfATerminal) {
  EXPECT_EQ(printable("gr\u00fc\u00dfe \u4e16"), "gr\u00fc\u00dfe \u4e16");
  EXPECT_EQ(printable("fa\xe7"
                      "ade\x1b[31m\n"),
            "fa\\xe7ade\\x1b[31m\\x0a");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m");  // U+009B begins a command as ESC [ does
  EXPECT_EQ(printable("a\tb\r\n", "\t\n"), "a\tb\\x0d\n");
  EXPECT_EQ(printable(std::string_view("\0", 1), "\t"), "\\x00");
}

TEST(Text, FirstCharacters) {
  EXPECT_EQ(first_characters("gr\u00fc\u00dfe", 3), "gr\u00fc");
  EXPECT_EQ(first_characters("\xff\xc3", 1), "\xff");
  EXPECT_EQ(first_characters("abc", 9), "abc");
  EXPECT_EQ(first_characters("abc", 0), "");
}

TEST(Text, AByteOrderMarkIsNoText) {
  EXPECT_EQ(without_bom("\xef\xbb\xbfname = 1"), "name = 1");
  EXPECT_EQ(without_bom("\xef\xbb"), "\xef\xbb");
  EXPECT_EQ(without_bom("plain"), "plain");
}

TEST(Text, Join) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"", "a", "", "b"}), ", a, , b");
  EXPECT_EQ(join({"a", "b"}, ","), "a,b");
}

}  // namespace text_test
}  // namespace clew
