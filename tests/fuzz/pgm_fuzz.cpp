// SPDX-License-Identifier: Apache-2.0
// The PGM reader: any bytes give either a picture with as many pixels as its sides say or a
// clew::Error, and what was read survives being written and read again.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "clew/core/error.h"
#include "clew/image/pgm.h"

namespace {

void check(bool is_true) {
  if (!is_true) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clew::image::Image picture;
  try {
    picture = clew::image::parse_pgm({data, size}, "input");
  } catch (const clew::Error&) {
    return 0;
  }
  check(picture.pixels.size() <= size);
  check(picture.pixels.size() == static_cast<std::size_t>(picture.width) *
                                     static_cast<std::size_t>(picture.height) *
                                     static_cast<std::size_t>(picture.channels));
  if (picture.channels != 1) return 0;  // PPM is not written
  const auto again = clew::image::parse_pgm(clew::image::format_pgm(picture), "written");
  check(again.width == picture.width && again.height == picture.height &&
        again.pixels == picture.pixels);
  return 0;
}
