// SPDX-License-Identifier: Apache-2.0
#include "clew/data/formats/yolo.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::data {
namespace {

constexpr std::int64_t kMaxYoloLabel = 99'999;

/// Blank-separated words of a line.
std::vector<std::string_view> yolo_words(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string_view> words;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (line.empty()) return words;
    words.push_back(line.substr(0, line.find_first_of(kBlanks)));
    line.remove_prefix(words.back().size());
  }
}

template <class T>
bool read_yolo(std::string_view word, T& value) {
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
  return fault == std::errc() && end == word.data() + word.size();
}

void add_yolo(std::string& line, double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  line += ' ';
  line.append(text, end);
}

YoloObject read_yolo_object(const std::vector<std::string_view>& words, const std::string& where,
                            YoloLines lines) {
  const bool is_detection = lines == YoloLines::kDetections;
  const bool is_polygon = !is_detection && words.size() >= 7 && words.size() % 2 == 1;
  CLEW_CHECK(words.size() == (is_detection ? 6U : 5U) || is_polygon, where,
             is_detection ? ": a detection must be class, cx, cy, w, h and score"
                          : ": an object must be class, cx, cy, w and h, or class and three or "
                            "more points",
             ", got ", words.size(), words.size() == 1 ? " value" : " values");
  YoloObject object;
  CLEW_CHECK(
      read_yolo(words[0], object.label) && object.label >= 0 && object.label <= kMaxYoloLabel,
      where, ": a class must be a whole number in 0..", kMaxYoloLabel, ", got '", excerpt(words[0]),
      "'");
  std::vector<double> values;
  for (std::size_t i = 1; i < words.size(); ++i) {
    double value = 0;
    CLEW_CHECK(read_yolo(words[i], value), where, ": value ", i + 1, " must be a number, got '",
               excerpt(words[i]), "'");
    CLEW_CHECK(!std::isfinite(value) || (value >= -1 && value <= 2), where, ": value ", i + 1,
               " must be relative to the picture, in 0..1, got ", value,
               value > 2 ? ", as if in pixels" : "");
    values.push_back(value);
  }
  if (is_polygon) {
    auto& box = object.box_xyxy;
    box = {values[0], values[1], values[0], values[1]};
    for (std::size_t i = 0; i < values.size(); ++i) {
      // A polygon with NaN has a box with NaN.
      auto &low = box[i % 2], &high = box[2 + i % 2];
      low = std::isnan(values[i]) ? values[i] : values[i] < low ? values[i] : low;
      high = std::isnan(values[i]) ? values[i] : values[i] > high ? values[i] : high;
    }
    object.polygon = std::move(values);
    return object;
  }
  object.box_xyxy = {values[0] - values[2] / 2, values[1] - values[3] / 2,
                     values[0] + values[2] / 2, values[1] + values[3] / 2};
  if (is_detection) {
    object.score = values[4];
    CLEW_CHECK(object.score >= 0 && object.score <= 1, where, ": a score must be in [0,1], got ",
               object.score);
  }
  return object;
}

}  // namespace

std::vector<YoloObject> parse_yolo(std::string_view text, const std::string& name,
                                   YoloLines lines) {
  text = without_bom(text);
  std::vector<YoloObject> objects;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    const auto words = yolo_words(one);
    if (!words.empty()) objects.push_back(read_yolo_object(words, concat(name, ":", line), lines));
  }
  return objects;
}

std::string format_yolo(const std::vector<YoloObject>& objects, YoloLines lines) {
  std::string text;
  for (const auto& one : objects) {
    text += std::to_string(one.label);
    const auto& box = one.box_xyxy;
    if (!one.polygon.empty() && lines == YoloLines::kObjects) {
      for (const double value : one.polygon) add_yolo(text, value);
    } else {
      for (const double value :
           {(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]})
        add_yolo(text, value);
    }
    if (lines == YoloLines::kDetections) add_yolo(text, one.score);
    text += '\n';
  }
  return text;
}

}  // namespace clew::data
