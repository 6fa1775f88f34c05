// SPDX-License-Identifier: Apache-2.0
#include "clew/image/container.h"

#include <algorithm>
#include <string>

namespace clew::image {
namespace {

/// `size` bytes at `at`; fewer at the file's end.
std::string peek(std::istream& file, std::uint64_t at, std::size_t size) {
  std::string bytes(size, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(at));
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return bytes;
}

std::uint64_t number(const std::string& bytes, bool is_big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t at = is_big_endian ? i : bytes.size() - 1 - i;
    value = value << 8 | static_cast<unsigned char>(bytes[at]);
  }
  return value;
}

/// MP4 is a sequence of boxes of length, kind and content; a moov box is required, which locates
/// the frames.
bool mp4_is_whole(std::istream& file, std::uint64_t size) {
  bool has_moov = false;
  std::uint64_t at = 0;
  while (size - at >= 8) {
    const std::string box = peek(file, at, 16);
    if (box.size() < 8) return false;
    std::uint64_t head = 8, length = number(box.substr(0, 4), true);
    if (length == 0) {
      length = size - at;  // to the file's end
    } else if (length == 1) {
      if (box.size() < 16) return false;
      head = 16, length = number(box.substr(8), true);
    }
    if (length < head || length > size - at) return false;
    has_moov = has_moov || box.substr(4, 4) == "moov";
    at += length;
  }
  return at == size && has_moov;
}

}  // namespace

Container look_at_container(std::istream& file, std::uint64_t size) {
  const std::string head = peek(file, 0, 12);
  bool is_whole = true;
  if (head.starts_with("RIFF") && head.ends_with("AVI ")) {
    // An unfinished writer leaves 0; includes the four letters of the kind.
    const std::uint64_t length = number(head.substr(4, 4), false);
    is_whole = length >= 4 && 8 + length <= size;
  } else if (head.size() == 12 && head.substr(4, 4) == "ftyp") {
    is_whole = mp4_is_whole(file, size);
  } else if (!head.starts_with("\x1a\x45\xdf\xa3")) {
    return Container::kUnknown;
  }
  return is_whole ? Container::kWhole : Container::kCutShort;
}

}  // namespace clew::image
