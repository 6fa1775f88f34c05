// SPDX-License-Identifier: Apache-2.0
#include "clew/data/distorted_digits.h"

#include <torch/utils.h>

#include <algorithm>
#include <array>

#include "clew/core/error.h"
#include "clew/data/draws.h"
#include "clew/data/pixel_map.h"

namespace clew::data {
namespace {

constexpr int kPatchSide = 6;

std::shared_ptr<const Digits> checked(std::shared_ptr<const Digits> digits) {
  CLEW_CHECK(digits && digits->size() >= 1 && digits->size() <= UINT32_MAX,
             "distorted digits need a set of at least one digit");
  return digits;
}

Stream stream_of(const DrawOptions& options, std::int64_t index, const Key& key) {
  return Stream(options.is_fixed ? fold_in(options.key, static_cast<std::uint64_t>(index)) : key);
}

torch::Tensor class_target(int number) {
  const auto target = torch::empty({}, torch::kInt64);
  *target.data_ptr<std::int64_t>() = number;
  return target;
}

}  // namespace

/// Renderer of distorted digits. Thread-safe.
class DistortedDigits::Drawer {
 public:
  Drawer(std::shared_ptr<const Digits> digits, Distortion distortion)
      : digits_(checked(std::move(digits))), how_(distortion) {
    CLEW_CHECK(how_.side >= kDigitSide && how_.side <= 4096 && how_.side % 2 == 0,
               "a distorted digit's side must be even and in 28..4096, got ", how_.side);
    CLEW_CHECK(how_.turn_deg >= 0 && how_.turn_deg <= 180,
               "a distorted digit's turn_deg must be in 0..180, got ", how_.turn_deg);
    CLEW_CHECK(how_.scale_low > 0 && how_.scale_low <= how_.scale_high &&
                   how_.scale_high * kDigitSide <= static_cast<float>(how_.side),
               "a distorted digit's scale must be a range above 0 that fits its picture, got ",
               how_.scale_low, "..", how_.scale_high);
    CLEW_CHECK(how_.corner_px >= 0 && how_.control_px >= 0 && how_.patches >= 0,
               "a distorted digit's corner_px, control_px and patches must be at least 0, got ",
               how_.corner_px, ", ", how_.control_px, " and ", how_.patches);
    CLEW_CHECK(
        how_.corner_px == 0 || (how_.turn_deg == 0 && !how_.is_translated),
        "a distorted digit's corner_px moves the whole picture: with it turn_deg must be 0 and "
        "is_translated false, got ",
        how_.turn_deg, " and ", how_.is_translated);
    if (how_.control_px > 0) grid_ = std::make_unique<const ControlGrid>(how_.side);
  }

  const Digits& digits() const { return *digits_; }
  const Distortion& how() const { return how_; }

  /// Digit `index` -> picture [side,side] f32; returns the digit's centre.
  PointF draw(std::int64_t index, Stream& stream, float* picture) const {
    std::array<std::uint8_t, kDigitPixels> digit;
    digits_->draw(index, {stream.bits()}, digit);
    const float turns = how_.turn_deg / 360 * between(stream, -1, 1);
    const float scale = between(stream, how_.scale_low, how_.scale_high);
    const PointF centre = place(scale, stream);
    PixelMap map;
    if (how_.corner_px > 0) {
      map = zoomed(quad_map(move_corners(stream)),
                   static_cast<float>(how_.side) / (scale * kDigitSide));
    } else {
      map = affine_map(direction_of_turns(turns), scale, centre);
    }
    if (grid_) {
      std::array<PointF, ControlGrid::kPoints> moves;
      for (PointF& move : moves) {
        move.x = how_.control_px * normal(stream);
        move.y = how_.control_px * normal(stream);
      }
      thread_local std::vector<float> shift;
      grid_->shift_of(moves, shift);
      warp_digit(digit, map, how_.side, shift.data(), picture);
    } else {
      warp_digit(digit, map, how_.side, nullptr, picture);
    }
    for (int i = 0; i < how_.patches; ++i) add_patch(index, stream, picture);
    return centre;
  }

 private:
  PointF place(float scale, Stream& stream) const {
    const float middle = static_cast<float>(how_.side - 1) / 2;
    if (!how_.is_translated) return {middle, middle};
    const float room = (static_cast<float>(how_.side) - scale * kDigitSide) / 2;
    if (!how_.is_on_whole_pixels) {
      const float x = between(stream, -room, room), y = between(stream, -room, room);
      return {middle + x, middle + y};
    }
    const auto places = static_cast<std::uint32_t>(2 * room) + 1;
    const auto x = static_cast<float>(stream.below(places)),
               y = static_cast<float>(stream.below(places));
    return {x + scale * kDigitSide / 2 - .5F, y + scale * kDigitSide / 2 - .5F};
  }

  /// Displaced corners of the picture (pixel edges, not centres).
  std::array<PointF, 4> move_corners(Stream& stream) const {
    const float low = -.5F, high = static_cast<float>(how_.side) - .5F;
    const std::array<PointF, 4> square = {{{low, low}, {high, low}, {high, high}, {low, high}}};
    // Redraw until convex.
    for (int attempt = 0; attempt < 100; ++attempt) {
      auto corners = square;
      for (PointF& corner : corners) {
        corner.x += how_.corner_px * normal(stream);
        corner.y += how_.corner_px * normal(stream);
      }
      if (is_convex(corners)) return corners;
    }
    return square;
  }

  void add_patch(std::int64_t index, Stream& stream, float* picture) const {
    const auto count = static_cast<std::uint32_t>(digits_->size());
    std::int64_t other = stream.below(count);
    if (other == index) other = (other + 1) % count;
    std::array<std::uint8_t, kDigitPixels> digit;
    digits_->draw(other, {stream.bits()}, digit);
    constexpr std::uint32_t kPlaces = kDigitSide - kPatchSide + 1;
    const auto places = static_cast<std::uint32_t>(how_.side - kPatchSide + 1);
    const std::uint32_t from_x = stream.below(kPlaces), from_y = stream.below(kPlaces);
    const std::uint32_t to_x = stream.below(places), to_y = stream.below(places);
    for (std::uint32_t y = 0; y < kPatchSide; ++y) {
      const std::uint8_t* from = digit.data() + (from_y + y) * kDigitSide + from_x;
      float* to = picture + (to_y + y) * static_cast<std::uint32_t>(how_.side) + to_x;
      for (std::uint32_t x = 0; x < kPatchSide; ++x) {
        to[x] = std::min(1.F, to[x] + static_cast<float>(from[x]) / 255);
      }
    }
  }

  std::shared_ptr<const Digits> digits_;
  Distortion how_;
  std::unique_ptr<const ControlGrid> grid_;
};

Distortion distortion_of(DigitsKind kind) {
  switch (kind) {
    case DigitsKind::kPlain:
      break;
    case DigitsKind::kR:
      return {.side = kDigitSide, .turn_deg = 90};
    case DigitsKind::kRts:
    case DigitsKind::kAddition:
      return {.turn_deg = 45, .scale_low = .7F, .scale_high = 1.2F, .is_translated = true};
    case DigitsKind::kP:
      return {.scale_low = .75F, .corner_px = 5};
    case DigitsKind::kE:
      return {.side = kDigitSide, .scale_low = .75F, .control_px = 1.5F};
    case DigitsKind::kTc:
      return {.side = 60, .is_translated = true, .is_on_whole_pixels = true, .patches = 6};
  }
  return {.side = kDigitSide};
}

DistortedDigits::DistortedDigits(std::shared_ptr<const Digits> digits, Distortion distortion,
                                 DrawOptions options)
    : drawer_(std::make_unique<const Drawer>(std::move(digits), distortion)), options_(options) {}
DistortedDigits::~DistortedDigits() = default;

std::int64_t DistortedDigits::size() const { return drawer_->digits().size(); }

Example DistortedDigits::get(std::int64_t index, const Key& key) const {
  check_index(*this, index);
  Stream stream = stream_of(options_, index, key);
  const auto input = torch::empty({1, drawer_->how().side, drawer_->how().side}, torch::kFloat32);
  drawer_->draw(index, stream, input.data_ptr<float>());
  return {{"image", input}, {"label", class_target(drawer_->digits().label(index))}};
}

Columns DistortedDigits::columns() const {
  return image_and_label({1, drawer_->how().side, drawer_->how().side});
}

std::vector<std::string> DistortedDigits::class_names() const {
  return drawer_->digits().class_names();
}

AddedDigits::AddedDigits(std::shared_ptr<const Digits> digits, Distortion distortion,
                         DrawOptions options)
    : drawer_(std::make_unique<const DistortedDigits::Drawer>(std::move(digits), distortion)),
      options_(options) {}
AddedDigits::~AddedDigits() = default;

std::int64_t AddedDigits::size() const { return drawer_->digits().size(); }

Example AddedDigits::get(std::int64_t index, const Key& key) const {
  check_index(*this, index);
  Stream stream = stream_of(options_, index, key);
  const int side = drawer_->how().side;
  const auto input = torch::empty({2, side, side}, torch::kFloat32);
  const std::int64_t other = stream.below(static_cast<std::uint32_t>(size()));
  drawer_->draw(index, stream, input.data_ptr<float>());
  drawer_->draw(other, stream, input.data_ptr<float>() + side * side);
  const auto& digits = drawer_->digits();
  return {{"image", input}, {"label", class_target(digits.label(index) + digits.label(other))}};
}

Columns AddedDigits::columns() const {
  return image_and_label({2, drawer_->how().side, drawer_->how().side});
}

std::vector<std::string> AddedDigits::class_names() const {
  std::vector<std::string> names;
  for (int sum = 0; sum <= 18; ++sum) names.push_back(std::to_string(sum));
  return names;
}

LocatedDigits::LocatedDigits(std::shared_ptr<const Digits> digits, LocatedOptions options)
    : drawer_(std::make_unique<const DistortedDigits::Drawer>(
          std::move(digits), Distortion{.side = options.side,
                                        .is_translated = true,
                                        .is_on_whole_pixels = true,
                                        .patches = options.patches})),
      options_(options.draw) {
  CLEW_CHECK(options.count >= 1, "a set of located digits needs at least one, got ", options.count);
  const auto& all = drawer_->digits();
  for (std::int64_t i = 0; i < all.size() && size() < options.count; ++i) {
    if (!options.digit || all.label(i) == *options.digit) indices_.push_back(i);
  }
  CLEW_CHECK(!indices_.empty(), "the set of digits to locate holds no ", options.digit.value_or(0));
}
LocatedDigits::~LocatedDigits() = default;

int LocatedDigits::label(std::int64_t index) const {
  check_index(*this, index);
  return drawer_->digits().label(indices_[static_cast<std::size_t>(index)]);
}

Example LocatedDigits::get(std::int64_t index, const Key& key) const {
  check_index(*this, index);
  Stream stream = stream_of(options_, index, key);
  const int side = drawer_->how().side;
  const auto input = torch::empty({1, side, side}, torch::kFloat32);
  const PointF centre =
      drawer_->draw(indices_[static_cast<std::size_t>(index)], stream, input.data_ptr<float>());
  const auto target = torch::empty({4}, torch::kFloat32);
  auto* box = target.data_ptr<float>();
  constexpr float kHalf = kDigitSide / 2.F;
  box[0] = centre.x + .5F - kHalf, box[1] = centre.y + .5F - kHalf;
  box[2] = box[0] + kDigitSide, box[3] = box[1] + kDigitSide;
  return {{"image", input}, {"box", target}};
}

Columns LocatedDigits::columns() const {
  return {image_and_label({1, drawer_->how().side, drawer_->how().side})[0],
          {.name = "box", .shape = {4}, .type = torch::kFloat32, .meaning = "edges xyxy, pixels"}};
}

}  // namespace clew::data
