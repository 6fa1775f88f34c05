// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/excerpt.h"

#include <gtest/gtest.h>

#include <vector>

namespace clew::nn {
namespace excerpt_test {

using namespace std::string_literals;

TEST(Excerpt, TextStaysOnItsLine) {
  EXPECT_EQ(excerpt("conv1.weight"), "conv1.weight");
  EXPECT_EQ(excerpt("gr\u00fc\u00dfe \u4e16 \U0001f600"), "gr\u00fc\u00dfe \u4e16 \U0001f600");
  EXPECT_EQ(excerpt("a\n\x1b[31m\x7f"), "a\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(excerpt("\0a"s), "\\x00a");
  EXPECT_EQ(excerpt("\xc2\x9b"
                    "31m"),
            "\\xc2\\x9b31m");  // U+009B begins a command as ESC [ does
  EXPECT_EQ(excerpt("\xff\xc3"), "\\xff\\xc3");
}

TEST(Excerpt, TextHasAnEnd) {
  EXPECT_EQ(excerpt(std::string(80, 'x')), std::string(80, 'x'));
  EXPECT_EQ(excerpt(std::string(3'000'000, 'x')), std::string(80, 'x') + "...");
  EXPECT_EQ(excerpt(std::string(3'000'000, '\n')).size(), 80 * 4 + 3U);
}

TEST(Excerpt, ShapesHaveAnEnd) {
  EXPECT_EQ(excerpt(std::vector<std::int64_t>{64, 3, 7}), "[64,3,7]");
  EXPECT_EQ(excerpt(std::vector<std::int64_t>{}), "[]");
  EXPECT_EQ(excerpt(std::vector<std::int64_t>(1'000'000, 1)),
            "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,...]");
}

TEST(Excerpt, Utf8) {
  for (const char* text : {"", "a", "\u00e9", "\u20ac", "\U0010ffff", "\xed\x9f\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\x80", "a\xff", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "\xf8\x80\x80\x80", "\xc3("})
    EXPECT_FALSE(is_utf8(text)) << excerpt(text);
}

}  // namespace excerpt_test
}  // namespace clew::nn
