// SPDX-License-Identifier: Apache-2.0
// Distorted digits of the spatial transformer paper (Jaderberg et al. 2015, appendix A): rotated,
// scaled, translated, projected, elastic, in clutter; pairs for addition; digits to be located.
// Over any set of digits, drawn from each key.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/data/digits.h"

namespace clew::data {

/// Distortion of a digit. The defaults change nothing; distortion_of has the paper's settings.
struct Distortion {
  int side = 42;                        // of the picture, pixels
  float turn_deg = 0;                   // maximal rotation either way, uniform
  float scale_low = 1, scale_high = 1;  // uniform
  bool is_translated = false;           // random translation; false: centred
  bool is_on_whole_pixels = false;      // translation by whole pixels
  float corner_px = 0;                  // standard deviation of the corners' displacement
  float control_px = 0;                 // the same of 4x4 control points of a thin-plate spline
  int patches = 0;                      // added clutter: 6x6 patches of other digits
};

/// Data sets of digits. kRts and kP are in 42x42, kR and kE in 28x28: the paper (arXiv 1506.02025,
/// A.4) names a size for kRts only.
enum class DigitsKind : std::uint8_t {
  kPlain,
  kR,         // rotated by up to 90 degrees
  kRts,       // rotated by up to 45, scaled by 0.7 to 1.2, translated
  kP,         // scaled by 0.75 to 1, projective: corners displaced by 5 pixels
  kE,         // scaled by 0.75 to 1, elastic: control points displaced by 1.5 pixels
  kTc,        // translated in 60x60, with six patches of clutter
  kAddition,  // two of kRts, label: their sum
};
constexpr auto names(DigitsKind) {
  using enum DigitsKind;
  return std::to_array<Named<DigitsKind>>({{kPlain, "plain"},
                                           {kR, "r"},
                                           {kRts, "rts"},
                                           {kP, "p"},
                                           {kE, "e"},
                                           {kTc, "tc"},
                                           {kAddition, "addition"}});
}
/// Distortion of each digit of such a set.
Distortion distortion_of(DigitsKind kind);

struct DrawOptions {
  Key key = {};           // of fixed examples
  bool is_fixed = false;  // example i is always the same (a test set); false: from get's key
};

/// image [1,side,side] f32 in [0,1]; label 0-d i64, the digit.
class DistortedDigits : public Dataset {
 public:
  DistortedDigits(std::shared_ptr<const Digits> digits, Distortion distortion,
                  DrawOptions options = {});
  ~DistortedDigits() override;

  std::int64_t size() const override;
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;

 private:
  class Drawer;
  friend class AddedDigits;
  friend class LocatedDigits;
  std::unique_ptr<const Drawer> drawer_;
  DrawOptions options_;
};

/// Digit `index` and one from anywhere, each distorted on its own: image [2,side,side] f32 in
/// [0,1], one digit a channel; label 0-d i64, their sum, 0..18.
class AddedDigits : public Dataset {
 public:
  explicit AddedDigits(std::shared_ptr<const Digits> digits,
                       Distortion distortion = distortion_of(DigitsKind::kRts),
                       DrawOptions options = {});
  ~AddedDigits() override;

  std::int64_t size() const override;
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override;

 private:
  std::unique_ptr<const DistortedDigits::Drawer> drawer_;
  DrawOptions options_;
};

struct LocatedOptions {
  std::optional<int> digit = {};  // only this class; none: all
  std::int64_t count = 100;       // first examples of the set
  int side = 84;                  // of the picture, pixels
  int patches = 0;                // 6x6 patches of clutter: 0 is the paper's T, 16 its TC
  DrawOptions draw = {.key = {}, .is_fixed = true};
};

/// Digits to be located: image [1,side,side] f32 in [0,1], a digit translated by whole pixels; box
/// [4] f32 xyxy, its 28x28 square in pixels (pixel i covers [i, i+1]).
class LocatedDigits : public Dataset {
 public:
  explicit LocatedDigits(std::shared_ptr<const Digits> digits, LocatedOptions options = {});
  ~LocatedDigits() override;

  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  /// Class of example `index`, 0..9.
  int label(std::int64_t index) const;

 private:
  std::unique_ptr<const DistortedDigits::Drawer> drawer_;
  std::vector<std::int64_t> indices_;  // in the set of digits
  DrawOptions options_;
};

}  // namespace clew::data
