// SPDX-License-Identifier: Apache-2.0
// `clew bench digits`: training rate of digit classifiers with spatial transformers, distortion
// included, beside plain PyTorch.
#pragma once

#include <cstdint>
#include <string>

#include "bench/bench.h"
#include "clew/warp/config.h"
#include "clew/warp/digit_network.h"

namespace clew::bench {

struct DigitsBenchOptions {
  double seconds = 5;
  std::string python;
  warp::WarpConfig config = rts_config();
  void fields(Fields& v) {
    v("seconds", seconds,
      {.above = 0, .max = 3600, .help = "of training that are timed, in ten chunks"});
    v("python", python,
      {.path = PathKind::kPath, .help = "that can import torch, for --peer; without: looked for"});
    config.fields(v);
  }

 private:
  /// Network and digits of recipes/warp/rts.
  static warp::WarpConfig rts_config();
};

/// One row: settings, "examples_per_second" (median of ten chunks, with "slowest" and
/// "fastest"), "steps_per_second", "gflops", "peak_gflops" of all workers in the precision used
/// (median of measurements between the chunks), "share_of_peak" (median over the chunks); with
/// `has_peer` also "peer_examples_per_second" and "times_peer". The peer, in our precision and the
/// better of its two ways to use as many cores, runs between two halves of ours. No python with
/// PyTorch, or a transform that the peer does not know: clew::Error.
Json digits_rows(const DigitsBenchOptions& options, bool has_peer);

/// FLOPs of convolutions and linear layers per training example, forward and backward, without the
/// gradient w.r.t. the image; a multiply-add counts as two.
double operations_of_example(const warp::NetworkConfig& config, const warp::DigitShape& shape);

}  // namespace clew::bench
