// SPDX-License-Identifier: Apache-2.0
// `clew bench boxes`: the operators on boxes (clew/ops/boxes), and the same in torchvision.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bench/bench.h"

namespace clew::bench {

enum class BoxesJob : std::uint8_t { kAll, kRoiAlign, kRoiPool, kNms, kGeometry, kMatching };
constexpr auto names(BoxesJob) {
  using enum BoxesJob;
  return std::to_array<Named<BoxesJob>>({{kAll, "all"},
                                         {kRoiAlign, "roi_align"},
                                         {kRoiPool, "roi_pool"},
                                         {kNms, "nms"},
                                         {kGeometry, "geometry"},
                                         {kMatching, "matching"}});
}

struct BoxesOptions {
  BoxesJob job = BoxesJob::kAll;
  double seconds = 1;
  std::string python;
  int threads = 2, rois = 512, channels = 256, boxes = 12'000, anchors = 200'000;

  void fields(Fields& v) {
    v("job", job, {.help = "roi_align, roi_pool, nms, geometry, matching, or all"});
    v("seconds", seconds, {.above = 0, .max = 3600, .help = "of each measurement, in two halves"});
    v("python", python,
      {.path = PathKind::kPath,
       .help = "that can import torchvision, for --peer; without: looked for"});
    v("threads", threads, {.min = 1, .max = 64, .help = "rows for one thread, and for this many"});
    v("rois", rois, {.min = 1, .max = 100'000, .help = "boxes that are pooled"});
    v("channels", channels, {.min = 1, .max = 65'536, .help = "of the features"});
    v("boxes", boxes, {.min = 1, .max = 1'000'000, .help = "candidates of nms"});
    v("anchors", anchors, {.min = 9, .max = 10'000'000, .help = "of matching"});
  }
};

/// Rows {"what", "of": shapes, "threads", "ms": median of a call, "best_ms"}, f32. roi_align and roi_pool: forward and
/// backward with the gradient of the features, which are dense, or have channels last where "what" says so; one row
/// each also with the gradient of the boxes, as torchvision has none. With `has_peer` also "peer_ms" and "times_peer"
/// where torchvision has the operator: on the same numbers, between two halves of ours. No python with torchvision:
/// clew::Error.
Json boxes_rows(const BoxesOptions& options, bool has_peer);

}  // namespace clew::bench
