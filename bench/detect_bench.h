// SPDX-License-Identifier: Apache-2.0
// `clew bench detect`: inference and training of detectors, beside torchvision, and inference of three approaches.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "clew/detect/faster_rcnn.h"

namespace clew::bench {

enum class DetectJob : std::uint8_t { kAll, kInference, kTraining, kApproaches };
constexpr auto names(DetectJob) {
  using enum DetectJob;
  return std::to_array<Named<DetectJob>>({{kAll, "all"},
                                          {kInference, "inference"},
                                          {kTraining, "training"},
                                          {kApproaches, "approaches"}});
}

struct DetectOptions {
  DetectJob job = DetectJob::kAll;
  double seconds = 6;
  std::string python;
  std::vector<std::string> networks = {"resnet50_fpn", "mobilenet_v3_large_320_fpn"};
  std::vector<std::string> trained = {"mobilenet_v2_fpn", "resnet50_fpn"};
  int threads = 2, height = 480, width = 640;

  void fields(Fields& v) {
    v("job", job,
      {.help = "inference; training; approaches, pictures of 128 x 128 by regression of one box, "
               "classification of all windows and region proposals; or all"});
    v("seconds", seconds, {.above = 0, .max = 3600, .help = "of each measurement, in two halves"});
    v("python", python,
      {.path = PathKind::kPath,
       .help = "that can import torchvision, for --peer; without: looked for"});
    v("networks", networks,
      {.choices = detect::detector_names(), .help = "whose inference is measured"});
    v("trained", trained,
      {.choices = detect::detector_names(),
       .help = "whose training is measured: four pictures of 320 x 320 to a step where the network "
               "is for such, one of the size of inference otherwise"});
    v("threads", threads, {.min = 1, .max = 64, .help = "rows for one thread, and for this many"});
    v("height", height, {.min = 32, .max = 4096, .help = "of pictures, pixels"});
    v("width", width, {.min = 32, .max = 4096, .help = "of pictures, pixels"});
  }
};

/// Inference: {"what": "inference", "network", "precision", "threads", "ms": median of a picture, resizing and
/// non-maximum suppression included, "best_ms", "dense_gflops": rate of the convolutions if nothing else took time,
/// "share_of_peak", "peak_mib": largest memory of the process so far}, in fp32 and, if the CPU has it, bf16. Training:
/// {"what": "training", "network", "threads", "batch", "ms": of a step of all weights, "best_ms", "peak_mib"}. With
/// `has_peer` both also "peer_ms", "peer_mib" and "times_peer"; the peer runs between two halves of ours. Approaches:
/// {"what": "approach", "network", "one_by_one": of windows, "precision", "threads", "batch", "ms": median of a picture of
/// the size and settings of the recipe detect/scenes, as of `clew predict`, "best_ms"}. Networks have random weights, and
/// classes so even that no detections come out. No python with torchvision: clew::Error.
Json detect_rows(const DetectOptions& options, bool has_peer);

}  // namespace clew::bench
