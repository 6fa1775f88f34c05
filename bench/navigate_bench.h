// SPDX-License-Identifier: Apache-2.0
// `clew bench navigate`: training rate of the navigator, rendering included, beside plain PyTorch.
#pragma once

#include <string>

#include "bench/bench.h"
#include "clew/navigate/agent.h"
#include "clew/navigate/config.h"

namespace clew::bench {

struct NavigateOptions {
  double seconds = 10;
  std::string python;
  navigate::NavigateConfig config;
  void fields(Fields& v) {
    v("seconds", seconds,
      {.above = 0, .max = 3600, .help = "of training that are timed, in ten chunks"});
    v("python", python,
      {.path = PathKind::kPath, .help = "that can import torch, for --peer; without: looked for"});
    config.fields(v);
  }
};

/// One row: settings, "agent_steps_per_second" (median of ten chunks, with "slowest" and
/// "fastest"), "frames_per_second", "gflops", "peak_gflops" of all workers in the precision used
/// (median of measurements between the chunks), "share_of_peak" (median over the chunks); with
/// `has_peer` also "peer_agent_steps_per_second" and "times_peer". The peer, whose BLAS is told the
/// kernels that fit this CPU best (and once more without), runs between two halves of ours, so that
/// a machine that changes its speed changes both. No python with PyTorch: clew::Error.
Json navigate_rows(const NavigateOptions& options, bool has_peer);

/// FLOPs of products in one step, forward and backward, without the gradient w.r.t. the image; a
/// multiply-add counts as two.
double operations_of_step(const navigate::AgentOptions& options);

}  // namespace clew::bench
