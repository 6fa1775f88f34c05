// SPDX-License-Identifier: Apache-2.0
#include "coco_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/key.h"
#include "clew/core/text.h"
#include "clew/detect/box_metrics.h"
#include "peer.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

struct CocoBoxes {
  std::vector<detect::TruthBox> truths;
  std::vector<detect::ScoredBox> detections;
};

/// Pictures as a detector leaves them: some objects, each found more than once, and much that is none.
CocoBoxes drawn_boxes(const CocoBenchOptions& options) {
  CocoBoxes boxes;
  Stream random(Key{1});
  const auto category = [&] {
    return static_cast<int>(random.below(static_cast<std::uint32_t>(options.categories)));
  };
  const auto number = [&](double most) {
    return std::round(100 * most * random.uniform_double()) / 100;
  };
  for (std::int64_t image = 0; image < options.images; ++image) {
    for (auto objects = random.below(15); objects > 0; --objects) {
      const detect::BoxXywh box = {number(500), number(400), 4 + number(200), 4 + number(200)};
      const int own = category();
      boxes.truths.push_back({.image = image,
                              .category = own,
                              .box = box,
                              .area_px = box[2] * box[3] * 0.7,
                              .is_crowd = random.below(60) == 0});
      for (auto copies = random.below(5); copies > 0; --copies)
        boxes.detections.push_back(
            {.image = image,
             .category = own,
             .box = {box[0] + number(10), box[1] + number(10), box[2], box[3]},
             .score = random.uniform_double()});
    }
    for (auto more = random.below(72); more > 0; --more)
      boxes.detections.push_back(
          {.image = image,
           .category = category(),
           .box = {number(500), number(400), 4 + number(200), 4 + number(200)},
           .score = 0.5 * random.uniform_double()});
  }
  return boxes;
}

std::string text_of(const CocoBoxes& boxes) {
  std::ostringstream text;
  text.precision(17);
  const auto write = [&](const char* kind, const auto& one) {
    text << kind << ' ' << one.image << ' ' << one.category;
    for (const double edge : one.box) text << ' ' << edge;
  };
  for (const auto& one : boxes.truths) {
    write("truth", one);
    text << ' ' << one.area_px << ' ' << one.is_crowd << '\n';
  }
  for (const auto& one : boxes.detections) {
    write("box", one);
    text << ' ' << one.score << '\n';
  }
  return text.str();
}

}  // namespace

Json coco_rows(const CocoBenchOptions& options, bool has_peer) {
  using Clock = std::chrono::steady_clock;
  const std::string python = has_peer ? find_python(options.python, "pycocotools") : "";
  const auto boxes = drawn_boxes(options);
  Json peer;
  if (has_peer) {
    const TemporaryFolder folder;
    write_file_atomic(folder.path / "boxes.txt", text_of(boxes));
    peer = run_peer(python, kCocoPycocotools, {(folder.path / "boxes.txt").string()}, "seconds");
  }
  Json rows = Json::array();
  for (const int threads : std::set{1, options.threads}) {
    std::vector<double> times;
    double precision = 0;
    for (double spent = 0; times.size() < 3 || spent < options.seconds; spent += times.back()) {
      const auto before = Clock::now();
      precision = detect::evaluate_coco(boxes.truths, boxes.detections,
                                        {.categories = options.categories, .threads = threads})
                      .average_precision();
      times.push_back(std::chrono::duration<double>(Clock::now() - before).count());
    }
    std::ranges::sort(times);
    const double seconds = times[times.size() / 2];
    Json row = {{"threads", threads},
                {"images", options.images},
                {"categories", options.categories},
                {"objects", boxes.truths.size()},
                {"detections", boxes.detections.size()},
                {"seconds", seconds}};
    if (has_peer) {
      const auto theirs = peer["average_precision"].get<double>();
      CLEW_CHECK(std::abs(theirs - precision) < 1e-6, "pycocotools finds an average precision of ",
                 theirs, ", we ", precision);
      row["peer_seconds"] = peer["seconds"];
      row["times_peer"] = peer["seconds"].get<double>() / seconds;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace clew::bench
