// SPDX-License-Identifier: Apache-2.0
// The reader of YOLO's lines: any bytes give either objects or a clew::Error of one short line, and finite
// objects survive being written and read again.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "clew/core/error.h"
#include "clew/data/formats/yolo.h"
#include "message.h"

namespace {

void read(std::string_view text, clew::data::YoloLines lines) {
  using namespace clew::data;
  std::vector<YoloObject> objects;
  try {
    objects = parse_yolo(text, "input", lines);
  } catch (const clew::Error& error) {
    check_message(error.what());
    return;
  }
  std::vector<YoloObject> finite;
  for (const auto& one : objects) {
    check(one.label >= 0 && one.polygon.size() % 2 == 0);
    check(one.score >= 0 && one.score <= 1);
    bool is_finite = true;
    for (const double edge : one.box_xyxy) is_finite = is_finite && std::isfinite(edge);
    // A width is an edge less the other, and may be larger than the largest that is read.
    const auto& box = one.box_xyxy;
    if (is_finite && box[2] - box[0] <= 1.99 && box[3] - box[1] <= 1.99) finite.push_back(one);
  }
  const auto again = parse_yolo(format_yolo(finite, lines), "written", lines);
  check(again.size() == finite.size());
  for (std::size_t i = 0; i < again.size(); ++i) {
    check(again[i].label == finite[i].label && again[i].score == finite[i].score);
    check(again[i].polygon == finite[i].polygon);
    for (std::size_t e = 0; e < 4; ++e)
      check(std::abs(again[i].box_xyxy[e] - finite[i].box_xyxy[e]) < 1e-12);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read(text, clew::data::YoloLines::kObjects);
  read(text, clew::data::YoloLines::kDetections);
  return 0;
}
