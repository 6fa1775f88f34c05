// SPDX-License-Identifier: Apache-2.0
// Colour of pictures: brightness, contrast, saturation, hue, and a random mixture of them from a
// key. Bytes in, bytes out, floats in [0,1] in, floats in [0,1] out; grey pictures keep one channel
// and have neither saturation nor hue.
#pragma once

#include "clew/core/key.h"
#include "clew/image/image.h"

namespace clew::image {

/// Each value times `factor`, at least 0.
[[nodiscard]] Image adjust_brightness(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_brightness(const FloatImage& picture, float factor);
/// Away from the picture's mean grey by `factor`: 0 is that grey, 1 changes nothing.
[[nodiscard]] Image adjust_contrast(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_contrast(const FloatImage& picture, float factor);
/// Away from each pixel's grey by `factor`: 0 is a grey picture, 1 changes nothing.
[[nodiscard]] Image adjust_saturation(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_saturation(const FloatImage& picture, float factor);
/// Turns the hue by `turns` of the colour circle, -0.5..0.5.
[[nodiscard]] Image adjust_hue(const Image& picture, float turns);
[[nodiscard]] FloatImage adjust_hue(const FloatImage& picture, float turns);

/// How far jitter may go: factors are uniform in [max(0, 1 - x), 1 + x], the hue in [-hue, hue].
struct ColourJitter {
  float brightness = 0, contrast = 0, saturation = 0;
  float hue = 0;         // turns, at most 0.5
  float grey_share = 0;  // of pictures that lose their colour, 0..1
};

/// The four in a random order, then perhaps grey. Equal keys, equal bytes.
[[nodiscard]] Image jitter_colour(const Image& picture, const ColourJitter& jitter, const Key& key);
[[nodiscard]] FloatImage jitter_colour(const FloatImage& picture, const ColourJitter& jitter,
                                       const Key& key);

}  // namespace clew::image
