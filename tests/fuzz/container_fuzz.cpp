// SPDX-License-Identifier: Apache-2.0
// The look at a video's headers: ends for any bytes, and a whole MP4 without its last byte is not
// whole.
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <string>

#include "clew/image/container.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using clew::image::Container;
  const auto look = [](const std::string& bytes) {
    std::istringstream file(bytes);
    return clew::image::look_at_container(file, bytes.size());
  };
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (look(bytes) == Container::kWhole && bytes.size() > 12 && bytes.substr(4, 4) == "ftyp" &&
      bytes.find("\0\0\0\0", 0, 4) == std::string::npos) {
    bytes.pop_back();
    if (look(bytes) == Container::kWhole) std::abort();
  }
  return 0;
}
