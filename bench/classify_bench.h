// SPDX-License-Identifier: Apache-2.0
// `clew bench classify`: inference and training of backbones, loading and preprocessing of
// pictures, beside torchvision.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "clew/nn/backbones/backbone.h"

namespace clew::bench {

enum class ClassifyJob : std::uint8_t { kAll, kInference, kTraining, kLoading };
constexpr auto names(ClassifyJob) {
  using enum ClassifyJob;
  return std::to_array<Named<ClassifyJob>>(
      {{kAll, "all"}, {kInference, "inference"}, {kTraining, "training"}, {kLoading, "loading"}});
}

struct ClassifyOptions {
  ClassifyJob job = ClassifyJob::kAll;
  double seconds = 2;
  std::string python;
  std::vector<std::string> networks = {"resnet50", "mobilenet_v2"};
  int threads = 2, side = 224, batch = 16, train_batch = 32, pictures = 200;

  void fields(Fields& v) {
    v("job", job, {.help = "inference, training, loading, or all three"});
    v("seconds", seconds, {.above = 0, .max = 3600, .help = "of each measurement, in two halves"});
    v("python", python,
      {.path = PathKind::kPath,
       .help = "that can import torchvision, for --peer; without: looked for"});
    v("networks", networks, {.choices = nn::backbone_names(), .help = "which are measured"});
    v("threads", threads,
      {.min = 1, .max = 64, .help = "rows for one thread or loader, and for this many"});
    v("side", side, {.min = 32, .max = 4096, .help = "of images, pixels"});
    v("batch", batch, {.min = 1, .max = 1024, .help = "of inference, beside single images"});
    v("train_batch", train_batch, {.min = 2, .max = 1024, .help = "images to a training step"});
    v("pictures", pictures, {.min = 64, .max = 100'000, .help = "JPEG files that are loaded"});
  }
};

/// Inference: {"what": "inference", "network", "precision", "threads", "batch", "ms": median of a
/// call, "best_ms", "images_per_second", "gflops", "share_of_peak"}, in fp32 and, if the CPU has
/// it, bf16. Training: the same with "what": "training", a call being a step of all weights, by as
/// many workers as threads, and "waiting", the share of time spent waiting for the loader, with
/// images in memory. Loading: {"what": "loading", "loaders", "images_per_second"}: JPEG files of
/// 320 x 240 from a folder, short side resized to 8/7 of `side`, centre crop; and "waiting" of a
/// training of the last network on them. First prediction: {"what": "first prediction", "network",
/// "ms"}: making and planning the network, reading a JPEG file, one run. With `has_peer` also
/// "peer_ms" (fp32) or "peer_images_per_second", and "times_peer". The peer runs between two halves
/// of ours. No python with torchvision: clew::Error.
Json classify_rows(const ClassifyOptions& options, bool has_peer);

}  // namespace clew::bench
