// SPDX-License-Identifier: Apache-2.0
// The reader of COCO's JSON: any bytes give either a set whose masks have as many pixels as their pictures
// or a clew::Error of one short line, and what was read survives being written and read again.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "clew/core/error.h"
#include "clew/data/formats/coco.h"
#include "message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  clew::data::CocoSet set;
  try {
    set = clew::data::parse_coco({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const clew::Error& error) {
    check_message(error.what());
    return 0;
  }
  std::map<std::int64_t, const clew::data::CocoImage*> images;
  for (const auto& one : set.images) images[one.id] = &one;
  for (const auto& one : set.annotations) {
    check(images.contains(one.image));
    const auto& image = *images[one.image];
    const auto area =
        static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
    // Larger ones take the same way and longer.
    std::size_t points = 0;
    for (const auto& polygon : one.polygons) points += polygon.size();
    if (area > 1 << 16 || points > 64) continue;
    const auto mask = clew::data::mask_of(one, image.width, image.height);
    check(mask.size() == (one.polygons.empty() && one.runs.counts.empty() ? 0 : area));
    if (!mask.empty()) {
      check(clew::data::mask_of(clew::data::runs_of(mask, image.width, image.height)) == mask);
    }
  }
  // A width is an edge less the other, and may be a last bit larger than the largest that is read.
  for (const auto& one : set.annotations)
    for (std::size_t e = 2; e < 4; ++e)
      if (one.box_xyxy_px[e] - one.box_xyxy_px[e - 2] > 99'999) return 0;
  const auto again = clew::data::parse_coco(clew::data::format_coco(set), "written");
  check(again.images.size() == set.images.size());
  check(again.categories.size() == set.categories.size());
  check(again.annotations.size() == set.annotations.size());
  for (std::size_t i = 0; i < again.annotations.size(); ++i) {
    const auto &one = again.annotations[i], &wanted = set.annotations[i];
    check(one.id == wanted.id && one.image == wanted.image && one.category == wanted.category);
    check(one.polygons == wanted.polygons && one.runs.counts == wanted.runs.counts);
  }
  return 0;
}
