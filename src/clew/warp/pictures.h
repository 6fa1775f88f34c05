// SPDX-License-Identifier: Apache-2.0
// What spatial transformers do, to be looked at: inputs with the sampling grid drawn on them, beside
// what comes out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/image/image.h"
#include "clew/warp/digit_network.h"

namespace clew::warp {

/// Image [1 or 2,S,S] f32 in [0,1] -> RGB u8, each pixel `scale` pixels wide. One channel is grey; of
/// two, the first is blue and the second orange.
image::Image digit_picture(const torch::Tensor& image, int scale);

/// For the examples of `set` with these numbers, twelve tiles a row: the input with the border and
/// some lines of each transformer's grid, what each transformer gives, and what was read. The
/// network is left in evaluation mode.
image::Image draw_warps(DigitNetworkImpl& network, const data::Dataset& set,
                        std::span<const std::int64_t> indices);

}  // namespace clew::warp
