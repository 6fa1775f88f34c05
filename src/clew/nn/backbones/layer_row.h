// SPDX-License-Identifier: Apache-2.0
// Geometry of a network's layers: windows, strides, dilation, receptive fields. Needs no LibTorch.
#pragma once

#include <cstdint>
#include <string>

namespace clew::nn {

/// Position of a feature map in the image: element i is centred at pixel coordinate offset + stride
/// i, where pixel centres are whole numbers (He et al. 2015, section 3, for same padding; Araujo et
/// al. 2019, equation 4). `field`: side of the square of pixels that an element depends on, its receptive field (Araujo et
/// al. 2019, equation 2), padding included; infinite behind a pooling of the whole map.
struct MapGeometry {
  double stride = 1, offset = 0, field = 1;
};

/// A layer of windows.
struct LayerRow {
  std::string name;
  std::int64_t kernel = 1;  // side, elements of the layer's input
  double stride = 1;        // in elements of the layer's input; 0.5: upsampling by 2
  std::int64_t dilation = 1, channels = 0;
  MapGeometry geometry{};  // of the layer's output
};

}  // namespace clew::nn
