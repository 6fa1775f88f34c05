// SPDX-License-Identifier: Apache-2.0
// `clew bench segment`: inference, training, dilated convolution and evaluation of segmentation, beside torchvision and
// PyTorch.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

enum class SegmentJob : std::uint8_t { kAll, kInference, kTraining, kDilation, kEvaluation };
constexpr auto names(SegmentJob) {
  using enum SegmentJob;
  return std::to_array<Named<SegmentJob>>({{kAll, "all"},
                                           {kInference, "inference"},
                                           {kTraining, "training"},
                                           {kDilation, "dilation"},
                                           {kEvaluation, "evaluation"}});
}

struct SegmentOptions {
  SegmentJob job = SegmentJob::kAll;
  double seconds = 6;
  std::string python;
  std::vector<std::string> networks = {"fcn_resnet50", "deeplabv3_resnet50"};
  std::vector<int> heights = {320, 480}, widths = {320, 640};
  int threads = 2, batch = 4, train_height = 360, train_width = 480, channels = 256;

  void fields(Fields& v) {
    v("job", job,
      {.help = "inference; training, a step of FCN-8s on MobileNetV2; dilation, convolutions of "
               "3x3; evaluation, pixels a second of the measures; or all"});
    v("seconds", seconds, {.above = 0, .max = 3600, .help = "of each measurement, in two halves"});
    v("python", python,
      {.path = PathKind::kPath,
       .help = "that can import torchvision, for --peer; without: looked for"});
    v("networks", networks,
      {.choices = {"fcn_resnet50", "deeplabv3_resnet50"}, .help = "whose inference is measured"});
    v("heights", heights, {.min = 8, .max = 4096, .help = "of pictures of inference, pixels"});
    v("widths", widths, {.min = 8, .max = 4096, .help = "of the same pictures"});
    v("threads", threads, {.min = 1, .max = 64, .help = "rows for one thread, and for this many"});
    v("batch", batch, {.min = 1, .max = 1024, .help = "pictures of a training step"});
    v("train_height", train_height, {.min = 8, .max = 4096, .help = "of these pictures, pixels"});
    v("train_width", train_width, {.min = 8, .max = 4096, .help = "of these pictures, pixels"});
    v("channels", channels, {.min = 8, .max = 4096, .help = "of the dilated convolutions"});
  }
};

/// Inference of one picture, from pixels to logits at its size, in fp32 and, if the CPU has it, bf16: {"what": "inference",
/// "network", "precision", "height", "width", "threads", "ms": median, "best_ms", "gflops": of the convolutions,
/// "share_of_peak"}. Training: {"what": "training", "network", "precision", "height", "width", "threads", "batch", "ms": of
/// a step of all weights, "best_ms"}. Convolutions of 3x3 on a map of 60 x 80: {"what": "dilation", "dilation", "precision",
/// "threads", "ms", "best_ms", "gflops", "times_undilated": rate, of that of dilation 1}. Evaluation of a picture of 720 x
/// 960 with 21 classes, one thread: {"what": "evaluation", "measures": "confusion" or "all", "ms", "best_ms",
/// "mpixel_per_second"}. With `has_peer` also "peer_ms" and "times_peer", where the peer of evaluations has the confusion
/// matrix alone; the peer runs between two halves of ours. Weights are random. Numbers of heights and widths that differ:
/// UsageError; no python with torchvision: clew::Error.
Json segment_rows(const SegmentOptions& options, bool has_peer);

}  // namespace clew::bench
