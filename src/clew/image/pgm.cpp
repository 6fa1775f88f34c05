// SPDX-License-Identifier: Apache-2.0
#include "clew/image/pgm.h"

#include <algorithm>

#include "clew/core/error.h"

namespace clew::image {
namespace {

constexpr int kMaxValue = 65535;

/// Scanner of numbers in headers and text files.
class Scanner {
 public:
  Scanner(std::span<const std::uint8_t> file, const std::string& name) : file_(file), name_(name) {}

  /// A number in low..high after spaces and comments.
  int number(const char* what, int low, int high) {
    skip();
    CLEW_CHECK(at_ < file_.size(), name_, ": the file ends before its ", what);
    std::int64_t value = 0;
    const std::size_t begin = at_;
    while (at_ < file_.size() && file_[at_] >= '0' && file_[at_] <= '9' && at_ - begin < 10)
      value = 10 * value + (file_[at_++] - '0');
    CLEW_CHECK(at_ > begin, name_, ": byte ", at_, " must be a digit of the ", what, ", got code ",
               int{file_[at_]});
    CLEW_CHECK(value >= low && value <= high, name_, ": the ", what, " must be in ", low, "..",
               high, ", got ", value);
    return static_cast<int>(value);
  }
  /// Offset of binary pixels: one space after the header.
  std::size_t pixels() const {
    CLEW_CHECK(at_ < file_.size() && is_space(file_[at_]), name_,
               ": one space or newline must follow the header");
    return at_ + 1;
  }

 private:
  static bool is_space(std::uint8_t c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  }
  void skip() {
    while (at_ < file_.size()) {
      if (file_[at_] == '#') {
        while (at_ < file_.size() && file_[at_] != '\n') ++at_;
      } else if (is_space(file_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  std::span<const std::uint8_t> file_;
  const std::string& name_;
  std::size_t at_ = 2;
};

std::uint8_t scaled(int value, int most) {
  return static_cast<std::uint8_t>(most == 255 ? value : (2 * value * 255 + most) / (2 * most));
}

}  // namespace

Image parse_pgm(std::span<const std::uint8_t> file, const std::string& name) {
  const char form = file.size() >= 2 && file[0] == 'P' ? static_cast<char>(file[1]) : '\0';
  const bool is_text = form == '2' || form == '3', is_grey = form == '2' || form == '5';
  CLEW_CHECK(is_text || is_grey || form == '6', name,
             ": a PGM file begins with P2 or P5, a PPM file with P3 or P6");
  Scanner scanner(file, name);
  Image picture{.channels = is_grey ? 1 : 3};
  picture.width = scanner.number("width", 1, kMaxSide);
  picture.height = scanner.number("height", 1, kMaxSide);
  const int most = scanner.number("largest value", 1, kMaxValue);
  const std::size_t pixels =
      static_cast<std::size_t>(picture.width) * static_cast<std::size_t>(picture.height);
  const std::size_t count = pixels * static_cast<std::size_t>(picture.channels);
  // Every number takes at least a byte: a wrong header takes no memory.
  const std::size_t bytes = is_text ? count : count * (most > 255 ? 2 : 1);
  const std::size_t begin = is_text ? 2 : scanner.pixels();
  CLEW_CHECK(file.size() - begin >= bytes, name, ": ", picture.width, "x", picture.height,
             " pixels take ", bytes, " bytes, the file has ", file.size() - begin);
  CLEW_CHECK(pixels <= kMaxPixels, name, ": the image claims more than ", kMaxPixels, " pixels");
  picture.pixels.reserve(count);
  const std::uint8_t* from = file.data() + begin;
  for (std::size_t i = 0; i < count; ++i) {
    int value = 0;
    if (is_text) {
      value = scanner.number("pixel", 0, most);
    } else {
      value = most > 255 ? from[2 * i] << 8 | from[2 * i + 1] : from[i];
      CLEW_CHECK(value <= most, name, ": ", is_grey ? "pixel " : "number ", i, " must be in 0..",
                 most, ", got ", value);
    }
    picture.pixels.push_back(scaled(value, most));
  }
  return picture;
}

std::vector<std::uint8_t> format_pgm(const Image& picture) {
  check(picture, "format_pgm");
  CLEW_CHECK(picture.channels == 1, "a PGM file holds grey pictures only, got ", picture.channels,
             " channels; use PNG, or to_grey");
  const std::string head = concat("P5\n", picture.width, ' ', picture.height, "\n255\n");
  std::vector<std::uint8_t> file(head.begin(), head.end());
  file.insert(file.end(), picture.pixels.begin(), picture.pixels.end());
  return file;
}

}  // namespace clew::image
