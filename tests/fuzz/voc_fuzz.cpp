// SPDX-License-Identifier: Apache-2.0
// The reader of Pascal VOC's XML: any bytes give either boxes within the picture or a clew::Error of one
// short line, and what was read survives being written and read again.
#include <cstdint>
#include <string_view>

#include "clew/core/error.h"
#include "clew/data/formats/voc.h"
#include "message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  clew::data::VocAnnotation annotation;
  try {
    (void)clew::data::parse_voc(xml, "input", clew::data::VocBoxes::kRaw);
    annotation = clew::data::parse_voc(xml, "input");
  } catch (const clew::Error& error) {
    check_message(error.what());
    return 0;
  }
  for (const auto& one : annotation.objects) {
    const auto& box = one.box_xyxy_px;
    check(box[0] >= 0 && box[0] < box[2] && box[1] >= 0 && box[1] < box[3]);
    check(annotation.width == 0 || box[2] <= annotation.width);
    check(annotation.height == 0 || box[3] <= annotation.height);
  }
  if (annotation.width == 0) return 0;  // not written
  const auto again = clew::data::parse_voc(clew::data::format_voc(annotation), "written");
  check(again.objects.size() == annotation.objects.size());
  for (std::size_t i = 0; i < again.objects.size(); ++i) {
    check(again.objects[i].name == annotation.objects[i].name);
    for (std::size_t e = 0; e < 4; ++e) {
      const double off = again.objects[i].box_xyxy_px[e] - annotation.objects[i].box_xyxy_px[e];
      check(off > -1e-9 && off < 1e-9);  // a pixel was added and taken away
    }
  }
  return 0;
}
