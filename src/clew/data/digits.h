// SPDX-License-Identifier: Apache-2.0
// Digits 0 to 9 in MNIST's size, and a procedural set drawn from strokes. MNIST itself: mnist.h;
// warped digits: distorted_digits.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/data/dataset.h"

namespace clew::data {

inline constexpr int kDigitSide = 28;  // pixels
inline constexpr int kDigitPixels = kDigitSide * kDigitSide;
using DigitPixels = std::span<std::uint8_t, kDigitPixels>;  // [28,28] u8, 0 background, 255 ink

/// A data set of digits: image [1,28,28] f32 in [0,1], label 0-d i64 in 0..9.
class Digits : public Dataset {
 public:
  /// Writes digit `index` into `pixels`.
  virtual void draw(std::int64_t index, const Key& key, DigitPixels pixels) const = 0;
  /// Class of digit `index`, 0..9.
  virtual int label(std::int64_t index) const = 0;

  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;
};

struct DrawnDigitsOptions {
  std::int64_t size = 60'000;
  Key key = {};          // of fixed digits
  bool is_fixed = true;  // digit i is always the same; false: drawn from get's key
};

/// Procedural digits: strokes in one of several styles, randomly bent, slanted, stretched and of
/// random width, normalised as MNIST (longer side 20 pixels, centre of mass in the middle). The
/// class of digit i is i % 10.
class DrawnDigits : public Digits {
 public:
  explicit DrawnDigits(DrawnDigitsOptions options);

  std::int64_t size() const override { return options_.size; }
  void draw(std::int64_t index, const Key& key, DigitPixels pixels) const override;
  int label(std::int64_t index) const override { return static_cast<int>(index % 10); }

 private:
  DrawnDigitsOptions options_;
};

/// Draws one `digit` (0..9) from `key`.
void draw_digit(int digit, const Key& key, DigitPixels pixels);

}  // namespace clew::data
