// SPDX-License-Identifier: Apache-2.0
// Average precision beside pycocotools': every precision and recall, and the twelve numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/core/text.h"
#include "clew/data/formats/coco.h"
#include "clew/detect/box_metrics.h"
#include "clew/detect/predictions_file.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace box_metrics_parity_test {

struct Boxes {
  std::vector<detect::TruthBox> truths;
  std::vector<detect::ScoredBox> detections;
};

constexpr int kCategories = 5;

/// Objects of all sizes, a tenth of them crowds, and detections near and far; `levels` of scores, few of which make many
/// equal.
Boxes random_boxes(Key key, std::uint32_t levels) {
  Stream random(key);
  Boxes made;
  for (std::int64_t image = 0; image < 60; ++image) {
    const auto number = [&](double most) { return most * random.uniform_double(); };
    const auto objects = random.below(8);
    for (std::uint32_t i = 0; i < objects; ++i) {
      const double side = random.below(3) == 0 ? 30 : random.below(2) == 0 ? 100 : 300;
      const detect::BoxXywh box = {number(600), number(600), number(side), number(side)};
      const int category = static_cast<int>(random.below(kCategories));
      made.truths.push_back({.image = image,
                             .category = category,
                             .box = box,
                             .area_px = box[2] * box[3] * (0.5 + number(0.5)),
                             .is_crowd = random.below(10) == 0});
      for (auto copies = random.below(4); copies > 0; --copies) {
        const double far = random.below(2) == 0 ? 0.05 : 0.4;
        made.detections.push_back(
            {.image = image,
             .category =
                 random.below(8) == 0 ? static_cast<int>(random.below(kCategories)) : category,
             .box = {box[0] + number(far * box[2]), box[1] + number(far * box[3]),
                     box[2] * (1 - far / 2 + number(far)), box[3] * (1 - far / 2 + number(far))},
             .score = random.below(levels) / static_cast<double>(levels)});
      }
    }
    for (auto more = random.below(3); more > 0; --more)
      made.detections.push_back({.image = image,
                                 .category = static_cast<int>(random.below(kCategories)),
                                 .box = {number(600), number(600), number(100), number(100)},
                                 .score = random.below(levels) / static_cast<double>(levels)});
  }
  return made;
}

/// Overlaps and areas exactly at their limits, empty boxes, pictures and categories of one side alone, more detections
/// than count, ids far apart.
Boxes adversarial_boxes() {
  Boxes made;
  const auto truth = [&](std::int64_t image, int category, detect::BoxXywh box,
                         bool is_crowd = false) {
    made.truths.push_back({.image = image,
                           .category = category,
                           .box = box,
                           .area_px = box[2] * box[3],
                           .is_crowd = is_crowd});
  };
  const auto found = [&](std::int64_t image, int category, detect::BoxXywh box, double score) {
    made.detections.push_back({.image = image, .category = category, .box = box, .score = score});
  };
  for (int i = 0; i < 20; ++i) {  // overlaps i / 20
    truth(i, 0, {0, 0, 20, 20});
    found(i, 0, {0, 0, 20, 1.0 * i}, 0.5);
  }
  for (const double side : {31.0, 32.0, 33.0, 95.0, 96.0, 97.0}) {
    truth(100, 1, {10 * side, 3, side, side});
    found(100, 1, {10 * side, 3, side, side}, 0.5);
    found(100, 1, {10 * side, 500, side, side}, 0.5);
  }
  truth(1'000'000, 1, {5, 5, 0, 0});
  found(1'000'000, 1, {5, 5, 0, 0}, 0.9);
  found(1'000'000, 1, {5, 5, 0, 10}, 0.9);
  for (int i = 0; i < 150; ++i) found(200, 2, {100.0 + i, 100, 50, 50}, 0.01 * (i % 7));
  for (int i = 0; i < 4; ++i) truth(200, 2, {100 + 40.0 * i, 100, 50, 50}, i == 2);
  truth(300, 3, {0, 0, 50, 50});     // missed
  found(301, 3, {0, 0, 50, 50}, 1);  // no truth in that picture
  truth(302, 3, {0, 0, 40, 40}, true);
  truth(302, 3, {0, 0, 40, 40});
  for (int i = 0; i < 3; ++i) found(302, 3, {0, 0, 40, 40}, 0.3);
  found(302, 4, {0, 0, 40, 40}, 0.3);  // a category with a crowd alone
  truth(303, 4, {0, 0, 40, 40}, true);
  return made;
}

std::vector<double> numbers_of(std::istream& lines) {
  std::string line;
  std::getline(lines, line);
  std::istringstream text(line);
  std::vector<double> numbers;
  for (double number = 0; text >> number;) numbers.push_back(number);
  return numbers;
}

void expect_same(const Boxes& boxes, const std::string& python) {
  const TestFolder folder;
  {
    std::ofstream file(folder / "in.txt");
    file << std::setprecision(17);
    const auto write = [&](const char* kind, const auto& one) {
      file << kind << ' ' << one.image << ' ' << one.category;
      for (const double number : one.box) file << ' ' << number;
    };
    for (const auto& one : boxes.truths) {
      write("truth", one);
      file << ' ' << one.area_px << ' ' << one.is_crowd << '\n';
    }
    for (const auto& one : boxes.detections) {
      write("box", one);
      file << ' ' << one.score << '\n';
    }
  }
  run_python(python, "coco_metrics.py", {folder / "in.txt", folder / "out.txt"});
  std::ifstream file(folder / "out.txt");
  const auto ours = detect::evaluate_coco(boxes.truths, boxes.detections,
                                          {.categories = kCategories, .threads = 2});
  const auto summary = ours.summary();
  for (const auto& values :
       {ours.precision, ours.recall, std::vector<double>(summary.begin(), summary.end())}) {
    const auto theirs = numbers_of(file);
    ASSERT_EQ(values.size(), theirs.size());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], theirs[i], 1e-6) << i;
  }
  EXPECT_GT(summary[0], 0.01);
}

TEST(BoxMetricsParity, PycocotoolsGivesTheSame) {
  const auto python = python_with({"pycocotools.cocoeval"});
  if (!python) GTEST_SKIP() << no_python_with("pycocotools");
  for (const auto& [seed, levels] :
       {std::pair{1U, 1'000'000U}, {2U, 1'000'000U}, {3U, 5U}, {4U, 1U}})
    expect_same(random_boxes(Key{seed}, levels), *python);
  expect_same(adversarial_boxes(), *python);
}

/// Text of a JSON value.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return result;
}

/// Truth as polygons, and crowds as run lengths; detections as compressed ones, near and far.
TEST(BoxMetricsParity, PycocotoolsGivesTheSameOfMasks) {
  const auto python = python_with({"pycocotools.cocoeval"});
  if (!python) GTEST_SKIP() << no_python_with("pycocotools");
  Stream random(Key{8});
  const auto number = [&](double most) { return most * random.uniform_double(); };
  data::CocoSet set{.categories = {{.id = 3, .name = "a"}, {.id = 7, .name = "b"}}};
  std::string results = "[";
  for (std::int64_t image = 1; image <= 30; ++image) {
    const int width = 90 + static_cast<int>(random.below(150)),
              height = 90 + static_cast<int>(random.below(150));
    set.images.push_back(
        {.id = image, .file = concat(image, ".jpg"), .width = width, .height = height});
    for (auto objects = random.below(6); objects > 0; --objects) {
      const double side = random.below(2) == 0 ? 25 : 110, x = number(width - 20),
                   y = number(height - 20);
      const auto polygon = [&](double moved) {
        std::vector<double> corners;
        for (int k = 0; k < 5; ++k) {
          const double angle = 2 * 3.14159265 * k / 5, radius = side / 2 * (0.7 + number(0.3));
          corners.push_back(std::clamp(x + moved + radius * std::cos(angle), 0.0, width - 1.0));
          corners.push_back(std::clamp(y + radius * std::sin(angle), 0.0, height - 1.0));
        }
        return corners;
      };
      data::CocoAnnotation one{.id = std::ssize(set.annotations) + 1,
                               .image = image,
                               .category = random.below(2) == 0 ? 3 : 7,
                               .is_crowd = random.below(8) == 0,
                               .polygons = {polygon(0)}};
      const auto runs = [&](const std::vector<std::vector<double>>& polygons) {
        return data::runs_of(
            data::mask_of(data::CocoAnnotation{.polygons = polygons}, width, height), width,
            height);
      };
      const auto own = runs(one.polygons);
      one.area_px = static_cast<double>(data::area_of(own));
      one.box_xyxy_px = {x, y, x + 1, y + 1};
      if (one.is_crowd) {
        one.runs = own;
        one.polygons.clear();
      }
      set.annotations.push_back(one);
      for (auto copies = random.below(4); copies > 0; --copies)
        results += concat(results.size() > 1 ? "," : "", R"({"image_id":)", image,
                          R"(,"category_id":)", one.category, R"(,"score":)", fixed(number(1), 2),
                          R"(,"segmentation":{"size":[)", height, ",", width, R"(],"counts":")",
                          escaped(data::compressed(runs({polygon(number(0.3 * side))}))), R"("}})");
    }
  }
  const TestFolder folder;
  write_file_atomic(folder / "truth.json", data::format_coco(set));
  write_file_atomic(folder / "results.json", results + "]");
  run_python(*python, "coco_metrics.py",
             {folder / "truth.json", folder / "results.json", folder / "out.txt"});
  std::ifstream file(folder / "out.txt");
  const auto boxes = detect::read_judged_boxes(folder / "results.json", folder / "truth.json");
  const auto ours = detect::evaluate_masks(boxes, 2);
  const auto summary = ours.summary();
  for (const auto& values :
       {ours.precision, ours.recall, std::vector<double>(summary.begin(), summary.end())}) {
    const auto theirs = numbers_of(file);
    ASSERT_EQ(values.size(), theirs.size());
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_NEAR(values[i], theirs[i], 1e-6) << i;
  }
  EXPECT_GT(summary[0], 0.1);
  EXPECT_GT(summary[3], 0);  // of small objects
}

}  // namespace box_metrics_parity_test
}  // namespace clew::parity
