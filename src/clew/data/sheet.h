// SPDX-License-Identifier: Apache-2.0
// A picture of some examples of a data set with their labels, to look at before training on them.
#pragma once

#include <cstdint>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/image.h"

namespace clew::data {

struct SheetOptions {
  std::int64_t first = 0, count = 50;  // examples; fewer where the set ends
  bool is_mixed = false;               // in an order from the key; false: in the set's own
  int columns = 10;
  int scale = 2;
  Key key = {};  // example i is drawn from fold_in(key, 0, i), as in a loader's first epoch
  const Dataset* before = nullptr;  // each example of this set, before views, left of its own
};

/// image [1|2|3,H,W] f32 in [0,1]; two channels stand side by side. Under each the name of its
/// label, or the number; box [4] and boxes [N,4] f32 xyxy in pixels and the
/// outlines of masks [N,H,W] are drawn. -> RGB
[[nodiscard]] image::Image sample_sheet(const Dataset& dataset, SheetOptions options = {});

/// An example's image [1|2|3,H,W] f32 as a picture: grey, two channels side by side, or RGB.
[[nodiscard]] image::Image picture_of(const torch::Tensor& input);

}  // namespace clew::data
