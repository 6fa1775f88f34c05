// SPDX-License-Identifier: Apache-2.0
// The look at picture files before OpenCV sees them: ends for any bytes, and a PNG or JPEG that is whole
// is not whole without its last bytes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "clew/core/error.h"
#include "clew/image/headers.h"

namespace {

bool passes(std::span<const std::uint8_t> file) {
  using clew::image::FileKind;
  try {
    switch (clew::image::kind_of(file)) {
      case FileKind::kPng:
        // What is left of a PNG is one, and nothing of that goes.
        return clew::image::check_png(clew::image::check_png(file, "input").file, "again").file ==
               clew::image::check_png(file, "input").file;
      case FileKind::kJpeg:
        return clew::image::check_jpeg(file, "input");
      case FileKind::kBmp:
        clew::image::check_bmp(file, "input");
        break;
      case FileKind::kTiff:
        clew::image::check_tiff(file, "input");
        break;
      case FileKind::kWebp:
        clew::image::check_webp(file, "input");
        break;
      case FileKind::kPnm:
      case FileKind::kOther:
        break;
    }
  } catch (const clew::Error&) {
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> file(data, size);
  if (const auto sides = clew::image::header_size(file))
    if (sides->width < 1 || sides->height < 1 || sides->orientation < 1 || sides->orientation > 8)
      std::abort();
  if (!passes(file)) return 0;
  // What follows the picture's end may go; with that it may not.
  while (passes(file.first(file.size() - 1))) file = file.first(file.size() - 1);
  if (file.size() < 6) std::abort();
  for (std::size_t cut = 2; cut < file.size() && cut < 40; ++cut)
    if (passes(file.first(file.size() - cut))) std::abort();
  return 0;
}
