// SPDX-License-Identifier: Apache-2.0
// Mean predictions over overlapping windows and the mirrored picture.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "clew/core/config.h"
#include "clew/segment/network.h"

namespace clew::segment {

struct AveragingOptions {
  bool has_flip = false;
  int window = 0;  // pixels

  bool is_plain() const { return !has_flip && window == 0; }
  void fields(Fields& v) {
    v("flip", has_flip, {.help = "mean of the probabilities of the picture and its mirror image"});
    v("window", window,
      {.min = 0,
       .max = 65536,
       .help = "side, in pixels, of windows that overlap by at least a third, with the mean of "
               "their probabilities; 0: the picture at once"});
  }
};

/// First elements of windows that cover `side` elements, spread evenly, two thirds of a window apart at most. Both at
/// least 1.
std::vector<std::int64_t> window_starts(std::int64_t side, std::int64_t window);

/// image [3,H,W] f32 in [0,1], RGB -> probabilities [C,H,W] f32 of a network in evaluation mode. Windows are cut at the
/// picture's size. No gradient.
torch::Tensor mean_probabilities(const SegmentationNetwork& network, const torch::Tensor& image,
                                 const AveragingOptions& options);

}  // namespace clew::segment
