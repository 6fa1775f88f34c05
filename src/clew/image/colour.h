// SPDX-License-Identifier: Apache-2.0
// Colour adjustment: brightness, contrast, saturation, hue, and random jitter from a key. u8 -> u8,
// f32 in [0,1] -> f32 in [0,1]; grey pictures keep one channel and have neither saturation nor hue.
#pragma once

#include "clew/core/key.h"
#include "clew/image/image.h"

namespace clew::image {

/// Values times `factor`, at least 0.
[[nodiscard]] Image adjust_brightness(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_brightness(const FloatImage& picture, float factor);
/// Blend with the picture's mean grey: factor 0 is that grey, 1 the identity.
[[nodiscard]] Image adjust_contrast(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_contrast(const FloatImage& picture, float factor);
/// Blend with each pixel's grey: factor 0 is a grey picture, 1 the identity.
[[nodiscard]] Image adjust_saturation(const Image& picture, float factor);
[[nodiscard]] FloatImage adjust_saturation(const FloatImage& picture, float factor);
/// Rotates the hue by `turns` of the colour circle, -0.5..0.5.
[[nodiscard]] Image adjust_hue(const Image& picture, float turns);
[[nodiscard]] FloatImage adjust_hue(const FloatImage& picture, float turns);

/// Ranges of jitter: factors uniform in [max(0, 1 - x), 1 + x], the hue in [-hue, hue].
struct ColourJitter {
  float brightness = 0, contrast = 0, saturation = 0;
  float hue = 0;         // turns, at most 0.5
  float grey_share = 0;  // probability of grey, 0..1
};

/// The four adjustments in random order, then possibly grey. Equal keys, equal bytes.
[[nodiscard]] Image jitter_colour(const Image& picture, const ColourJitter& jitter, const Key& key);
[[nodiscard]] FloatImage jitter_colour(const FloatImage& picture, const ColourJitter& jitter,
                                       const Key& key);

}  // namespace clew::image
