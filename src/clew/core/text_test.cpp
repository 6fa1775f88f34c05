// SPDX-License-Identifier: Apache-2.0
#include "clew/core/text.h"

#include <gtest/gtest.h>

#include <vector>

namespace clew {
namespace text_test {

using namespace std::string_literals;

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

TEST(Text, AnExcerptStaysOnItsLine) {
  EXPECT_EQ(excerpt("conv1.weight"), "conv1.weight");
  EXPECT_EQ(excerpt("gr\u00fc\u00dfe \u4e16 \U0001f600"), "gr\u00fc\u00dfe \u4e16 \U0001f600");
  EXPECT_EQ(excerpt("a\n\x1b[31m\x7f"), "a\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(excerpt("\0a"s), "\\x00a");
  EXPECT_EQ(excerpt("\xff\xc3"), "\\xff\\xc3");
}

TEST(Text, AnExcerptHasAnEnd) {
  EXPECT_EQ(excerpt(std::string(80, 'x')), std::string(80, 'x'));
  EXPECT_EQ(excerpt(std::string(3'000'000, 'x')), std::string(80, 'x') + "...");
  EXPECT_EQ(excerpt(std::string(3'000'000, '\n')).size(), 80 * 4 + 3U);
}

TEST(Text, AnExcerptOfAShapeHasAnEnd) {
  EXPECT_EQ(excerpt(std::vector<std::int64_t>{64, 3, 7}), "[64,3,7]");
  EXPECT_EQ(excerpt(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(excerpt(std::vector<std::int64_t>(1'000'000, 1)),
            "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,...]");
}

TEST(Text, Utf8) {
  for (const char* text : {"", "a", "\u00e9", "\u20ac", "\U0010ffff", "\xed\x9f\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\x80", "a\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf8\x80\x80\x80", "\xc3("})
    EXPECT_FALSE(is_utf8(text)) << excerpt(text);
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
