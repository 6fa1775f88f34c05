// SPDX-License-Identifier: Apache-2.0
// Grey pictures of the digits 0 to 9 in the size of MNIST, and a set of them drawn from our own
// strokes: digits without any file. Reading MNIST is in mnist.h, warping digits in
// distorted_digits.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "clew/data/dataset.h"

namespace clew::data {

inline constexpr int kDigitSide = 28;  // pixels
inline constexpr int kDigitPixels = kDigitSide * kDigitSide;
using DigitPixels = std::span<std::uint8_t, kDigitPixels>;  // [28,28] u8, 0 paper, 255 ink

/// A data set of digits: image [1,28,28] f32 in [0,1], label 0-d i64 in 0..9.
class Digits : public Dataset {
 public:
  /// Digit `index` as bytes, into the caller's memory.
  virtual void draw(std::int64_t index, const Key& key, DigitPixels pixels) const = 0;
  /// What digit `index` is, 0..9.
  virtual int label(std::int64_t index) const = 0;

  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;
};

struct DrawnDigitsOptions {
  std::int64_t size = 60'000;
  Key key = {};          // of fixed digits
  bool is_fixed = true;  // digit i is always the same; false: get's key draws a new one each time
};

/// Digits drawn from strokes: a style of the digit, bent, slanted and stretched, written with a pen
/// of random width, then brought into MNIST's frame (longer side 20 pixels, centre of mass in the
/// middle). Digit i is an i % 10.
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
