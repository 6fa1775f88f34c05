// SPDX-License-Identifier: Apache-2.0
// Visualisation of spatial transformers: inputs with sampling grids, beside outputs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/image.h"
#include "clew/warp/digit_network.h"

namespace clew::warp {

/// image [1|2,S,S] f32 in [0,1] -> RGB u8, upscaled by `scale`. One channel is grey; of two, the
/// first is blue and the second orange.
image::Image digit_picture(const torch::Tensor& image, int scale);

/// Examples of `set` by index, twelve tiles per row: input with border and grid lines of each
/// transformer, output of each transformer, and prediction. Leaves the network in evaluation mode.
image::Image draw_warps(DigitNetworkImpl& network, const data::Dataset& set,
                        std::span<const std::int64_t> indices);

}  // namespace clew::warp
