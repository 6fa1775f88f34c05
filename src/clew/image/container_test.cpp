// SPDX-License-Identifier: Apache-2.0
#include "clew/image/container.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace clew::image {
namespace container_test {

using std::string_literals::operator""s;

Container look(const std::string& bytes) {
  std::istringstream file(bytes);
  return look_at_container(file, bytes.size());
}

TEST(ContainerHeader, AviSaysHowLongItIs) {
  const std::string avi = "RIFF\x08\0\0\0AVI LIST"s;
  EXPECT_EQ(look(avi), Container::kWhole);
  EXPECT_EQ(look(avi + "more"), Container::kWhole);
  EXPECT_EQ(look(avi.substr(0, 15)), Container::kCutShort);
  EXPECT_EQ(look("RIFF\0\0\0\0AVI LIST"s), Container::kCutShort);
  EXPECT_EQ(look("RIFF\x08\0\0\0WAVELIST"s), Container::kUnknown);
}

TEST(ContainerHeader, Mp4IsARowOfBoxes) {
  const std::string kind =
                        "\0\0\0\x0c"
                        "ftypisom"s,
                    index = "\0\0\0\x09moov!"s;
  const std::string large = "\0\0\0\x01mdat\0\0\0\0\0\0\0\x12!!"s;  // its length in 64 bits
  const std::string last = "\0\0\0\0mdat to the end"s;
  EXPECT_EQ(look(kind + index), Container::kWhole);
  EXPECT_EQ(look(kind + large + index), Container::kWhole);
  EXPECT_EQ(look(kind + index + last), Container::kWhole);
  EXPECT_EQ(look(kind + large), Container::kCutShort);           // no index
  EXPECT_EQ(look(kind + index + "rest"), Container::kCutShort);  // half a box
  EXPECT_EQ(look(kind + large.substr(0, 17)), Container::kCutShort);
  EXPECT_EQ(look(kind + "\0\0\0\x07moov"s), Container::kCutShort);  // shorter than its own head
  EXPECT_EQ(look(kind + index + "\0\0\0\x01mdat\0"s), Container::kCutShort);  // half a length
  EXPECT_EQ(look(kind + index + "\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"s),
            Container::kCutShort);
}

TEST(ContainerHeader, OthersAreUnknown) {
  EXPECT_EQ(look(""), Container::kUnknown);
  EXPECT_EQ(look("text"), Container::kUnknown);
  EXPECT_EQ(look("\x1a\x45\xdf\xa3"), Container::kWhole);
}

}  // namespace container_test
}  // namespace clew::image
