// SPDX-License-Identifier: Apache-2.0
// COCO's average precision of detections already in memory, and pycocotools' beside it.
#pragma once

#include <string>

#include "bench/bench.h"
#include "clew/core/config.h"

namespace clew::bench {

struct CocoBenchOptions {
  int images = 5000, categories = 80, threads = 2;
  double seconds = 2;
  std::string python;

  void fields(Fields& v) {
    v("images", images,
      {.min = 1, .max = 1'000'000, .help = "with about 7 objects and 50 detections each"});
    v("categories", categories, {.min = 1, .max = 10'000, .help = "of objects"});
    v("threads", threads, {.min = 1, .max = 64, .help = "rows for one thread, and for this many"});
    v("seconds", seconds, {.above = 0, .max = 3600, .help = "of each measurement"});
    v("python", python,
      {.path = PathKind::kPath,
       .help = "that can import pycocotools, for --peer; without: looked for"});
  }
};

/// A row for one thread and for `threads`: "threads", "images", "categories", "objects", "detections", "seconds" (median);
/// with `has_peer` "peer_seconds" (evaluate and accumulate, one run, the same for all rows) and "times_peer", and both
/// must come to the same average precision: else clew::Error.
Json coco_rows(const CocoBenchOptions& options, bool has_peer);

}  // namespace clew::bench
