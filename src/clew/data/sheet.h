// SPDX-License-Identifier: Apache-2.0
// Contact sheets of examples with their labels.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/image.h"

namespace clew::data {

struct SheetOptions {
  std::int64_t first = 0, count = 50;  // examples; fewer at the set's end
  bool is_mixed = false;               // in random order, from the key
  int columns = 10;
  int scale = 2;
  Key key = {};  // example i is drawn from fold_in(key, 0, i), as in a loader's first epoch
  const Dataset* before = nullptr;  // the set before views, drawn left of each example
};

/// image [1|2|3,H,W] f32 in [0,1] (two channels side by side) with the label's name or number
/// below; box [4] and boxes [N,4] f32 xyxy, pixels, and outlines of masks [N,H,W] drawn -> RGB.
[[nodiscard]] image::Image sample_sheet(const Dataset& dataset, SheetOptions options = {});

/// An example's image [1|2|3,H,W] f32 as a picture: grey, two channels side by side, or RGB.
[[nodiscard]] image::Image picture_of(const torch::Tensor& input);

}  // namespace clew::data
