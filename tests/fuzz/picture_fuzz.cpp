// SPDX-License-Identifier: Apache-2.0
// The look at PNG and JPEG files before OpenCV sees them: ends for any bytes, and what is whole is not
// whole without its last bytes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "clew/core/error.h"
#include "clew/image/headers.h"

namespace {

bool passes(std::span<const std::uint8_t> file) {
  try {
    clew::image::is_png(file) ? clew::image::check_png(file, "input")
                              : clew::image::check_jpeg(file, "input");
    return true;
  } catch (const clew::Error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> file(data, size);
  if (!clew::image::is_png(file) && !clew::image::is_jpeg(file)) return 0;
  if (!passes(file)) return 0;
  // What follows the picture's end may go; with that it may not.
  while (passes(file.first(file.size() - 1))) file = file.first(file.size() - 1);
  if (file.size() < 6) std::abort();
  for (std::size_t cut = 2; cut < file.size() && cut < 40; ++cut)
    if (passes(file.first(file.size() - cut))) std::abort();
  return 0;
}
