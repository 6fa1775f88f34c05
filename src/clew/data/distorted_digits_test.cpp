// SPDX-License-Identifier: Apache-2.0
#include "clew/data/distorted_digits.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>
#include <span>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace distorted_digits_test {

constexpr DigitsKind kKinds[] = {DigitsKind::kR, DigitsKind::kRts, DigitsKind::kP, DigitsKind::kE,
                                 DigitsKind::kTc};

std::shared_ptr<const Digits> some_digits(std::int64_t size = 50) {
  return std::make_shared<const DrawnDigits>(DrawnDigitsOptions{.size = size, .key = {1}});
}

/// Centroid and spread of the ink.
struct Moments {
  double x = 0, y = 0, spread = 0, mass = 0;
};
Moments moments(const torch::Tensor& picture) {
  const auto p = picture.to(torch::kFloat64);
  const auto ys = torch::arange(p.size(0), torch::kFloat64).unsqueeze(1),
             xs = torch::arange(p.size(1), torch::kFloat64).unsqueeze(0);
  Moments m;
  m.mass = p.sum().item<double>();
  m.x = (p * xs).sum().item<double>() / m.mass;
  m.y = (p * ys).sum().item<double>() / m.mass;
  m.spread =
      std::sqrt((p * ((xs - m.x).square() + (ys - m.y).square())).sum().item<double>() / m.mass);
  return m;
}

TEST(DistortedDigits, ShapesLabelsAndRanges) {
  const auto digits = some_digits();
  for (const auto kind : kKinds) {
    const DistortedDigits set(digits, distortion_of(kind));
    const std::int64_t side = kind == DigitsKind::kTc                              ? 60
                              : kind == DigitsKind::kRts || kind == DigitsKind::kP ? 42
                                                                                   : 28;
    EXPECT_EQ(set.size(), 50);
    EXPECT_EQ(set.class_names().size(), 10U);
    for (std::int64_t i = 0; i < 50; ++i) {
      const Example example = set.get(i, {static_cast<std::uint64_t>(i)});
      EXPECT_EQ(example["image"].sizes(), (torch::IntArrayRef{1, side, side})) << name_of(kind);
      EXPECT_GE(example["image"].min().item<float>(), 0) << name_of(kind);
      EXPECT_LE(example["image"].max().item<float>(), 1) << name_of(kind);
      EXPECT_GT(example["image"].sum().item<float>(), 10) << name_of(kind) << i;
      EXPECT_EQ(example["label"].item<std::int64_t>(), i % 10);
    }
    EXPECT_THROW((void)set.get(50, {}), Error);
  }
}

TEST(DistortedDigits, PlainOnesStayAsTheyAreAndPairsAreOfRts) {
  const auto plain = distortion_of(DigitsKind::kPlain), pair = distortion_of(DigitsKind::kAddition);
  EXPECT_EQ(plain.side, 28);
  EXPECT_EQ(plain.turn_deg, 0);
  EXPECT_EQ(pair.side, 42);
  EXPECT_EQ(pair.turn_deg, distortion_of(DigitsKind::kRts).turn_deg);
}

TEST(DistortedDigits, KeysDecideAndFixedSetsIgnoreThem) {
  const auto digits = some_digits();
  for (const auto kind : kKinds) {
    const DistortedDigits fresh(digits, distortion_of(kind)),
        fixed(digits, distortion_of(kind), {.key = {5}, .is_fixed = true}),
        other(digits, distortion_of(kind), {.key = {6}, .is_fixed = true});
    EXPECT_TRUE(fresh.get(3, {1})["image"].equal(fresh.get(3, {1})["image"])) << name_of(kind);
    EXPECT_FALSE(fresh.get(3, {1})["image"].equal(fresh.get(3, {2})["image"])) << name_of(kind);
    EXPECT_TRUE(fixed.get(3, {1})["image"].equal(fixed.get(3, {2})["image"])) << name_of(kind);
    EXPECT_FALSE(fixed.get(3, {1})["image"].equal(other.get(3, {1})["image"])) << name_of(kind);
  }
}

TEST(DistortedDigits, AreTheSameOnEveryMachine) {
  // As for drawn digits; the spline of E is solved with libm's logarithm and is left out.
  std::uint64_t hash = 0;
  for (const auto kind : {DigitsKind::kR, DigitsKind::kRts, DigitsKind::kP, DigitsKind::kTc}) {
    const DistortedDigits set(some_digits(), distortion_of(kind));
    for (std::int64_t i = 0; i < 50; ++i) {
      const auto input = set.get(i, {static_cast<std::uint64_t>(i)})["image"];
      hash = hash64(std::as_bytes(std::span(input.data_ptr<float>(),
                                            static_cast<std::size_t>(input.numel()))),
                    hash);
    }
  }
  EXPECT_EQ(hash, 13524431976743140161ULL);
}

TEST(DistortedDigits, WithoutDistortionTheDigitIsInTheMiddle) {
  const auto digits = some_digits();
  const DistortedDigits set(digits, {});
  for (std::int64_t i = 0; i < 20; ++i) {
    const auto picture = set.get(i, {8})["image"];
    EXPECT_TRUE(picture.slice(1, 7, 35).slice(2, 7, 35).equal(digits->get(i, {})["image"]));
    EXPECT_FLOAT_EQ(picture.sum().item<float>(), digits->get(i, {})["image"].sum().item<float>());
  }
}

TEST(DistortedDigits, RTurnsAndKeepsSizeAndPlace) {
  const auto digits = some_digits();
  const DistortedDigits set(digits, distortion_of(DigitsKind::kR));
  double low = 0, high = 0;
  for (std::uint64_t key = 0; key < 200; ++key) {
    const auto before =
        moments(digits->get(1, {})["image"][0]);  // a one, whose long axis shows its turn
    const auto picture = set.get(1, {key})["image"][0];
    const auto after = moments(picture);
    // The middle of the digit stays; the ink's centre is 14, half a pixel from it.
    EXPECT_NEAR(std::hypot(after.x - 13.5, after.y - 13.5),
                std::hypot(before.x - 13.5, before.y - 13.5), .05);
    EXPECT_NEAR(after.spread, before.spread, .1);  // bilinear blur
    EXPECT_NEAR(after.mass, before.mass, .03 * before.mass);
    const auto p = picture.to(torch::kFloat64);
    const auto ys = torch::arange(28, torch::kFloat64).unsqueeze(1) - after.y,
               xs = torch::arange(28, torch::kFloat64).unsqueeze(0) - after.x;
    const double xy = (p * xs * ys).sum().item<double>(), xx = (p * xs * xs).sum().item<double>(),
                 yy = (p * ys * ys).sum().item<double>();
    const double axis = .5 * std::atan2(2 * xy, xx - yy) * 180 / M_PI;  // -90..90
    low = std::min(low, axis), high = std::max(high, axis);
  }
  // Turns over 180 degrees bring the axis everywhere.
  EXPECT_LT(low, -80);
  EXPECT_GT(high, 80);
}

TEST(DistortedDigits, RtsScalesAndPlaces) {
  const auto digits = some_digits();
  const DistortedDigits set(digits, distortion_of(DigitsKind::kRts));
  const auto before = moments(digits->get(0, {})["image"][0]);
  double low_x = 42, high_x = 0, low_y = 42, high_y = 0, small = 9, large = 0;
  for (std::uint64_t key = 0; key < 500; ++key) {
    const auto picture = set.get(0, {key})["image"][0];
    const auto after = moments(picture);
    low_x = std::min(low_x, after.x), high_x = std::max(high_x, after.x);
    low_y = std::min(low_y, after.y), high_y = std::max(high_y, after.y);
    small = std::min(small, after.spread / before.spread),
    large = std::max(large, after.spread / before.spread);
  }
  // The smallest digit's square of 19.6 pixels moves by 11.2 either way.
  for (const double low : {low_x, low_y}) EXPECT_NEAR(low, 20.5 - 10.5, 1.5);
  for (const double high : {high_x, high_y}) EXPECT_NEAR(high, 20.5 + 10.5, 1.5);
  EXPECT_NEAR(small, .7, .03);
  EXPECT_NEAR(large, 1.2, .03);
}

TEST(DistortedDigits, PMovesCornersAndEBends) {
  const auto digits = some_digits();
  for (const auto kind : {DigitsKind::kP, DigitsKind::kE}) {
    const Distortion how = distortion_of(kind);
    Distortion still = how;
    still.corner_px = still.control_px = 0;
    const DistortedDigits moving(digits, how), resting(digits, still);
    int moved = 0;
    for (std::uint64_t key = 0; key < 50; ++key) {
      const auto a = moving.get(0, {key})["image"], b = resting.get(0, {key})["image"];
      if (!torch::allclose(a, b, 0, .2)) ++moved;
      // Only bent, not elsewhere: the middles of the ink are a few pixels apart.
      const auto m = moments(a[0]), n = moments(b[0]);
      EXPECT_LT(std::hypot(m.x - n.x, m.y - n.y), 12) << name_of(kind);
    }
    EXPECT_EQ(moved, 50) << name_of(kind);
  }
}

TEST(DistortedDigits, PAndEMoveTheInkAsFarAsTheirPixelsSay) {
  const auto digits = some_digits();
  const auto spread = [&](DigitsKind kind) {
    const Distortion how = distortion_of(kind);
    Distortion still = how;
    still.corner_px = still.control_px = 0;
    const DistortedDigits moving(digits, how), resting(digits, still);
    double sum = 0;
    constexpr int kDraws = 400;
    for (std::uint64_t key = 0; key < kDraws; ++key) {
      const auto m = moments(moving.get(0, {key})["image"][0]),
                 n = moments(resting.get(0, {key})["image"][0]);
      sum += (m.x - n.x) * (m.x - n.x) + (m.y - n.y) * (m.y - n.y);
    }
    return std::sqrt(sum / (2 * kDraws));
  };
  // The middle is where the diagonals cross: 5 pixels at the corners move it by 5 / sqrt(2) = 3.5, and
  // what lies around it by less.
  EXPECT_NEAR(spread(DigitsKind::kP), 3.2, 0.4);
  // 1.5 pixels times the root of the sum of the squared weights that 16 control points have near the
  // middle: 0.88 within 6 pixels of it, 0.78 within 8.
  EXPECT_NEAR(spread(DigitsKind::kE), 0.85, 0.12);
}

TEST(DistortedDigits, TcIsTheDigitExactlyPlusPieces) {
  const auto digits = some_digits();
  Distortion how = distortion_of(DigitsKind::kTc);
  const DistortedDigits cluttered(digits, how);
  how.patches = 0;
  const DistortedDigits clean(digits, how);
  std::int64_t pieces = 0;
  for (std::uint64_t key = 0; key < 50; ++key) {
    const auto a = cluttered.get(5, {key})["image"][0], b = clean.get(5, {key})["image"][0];
    // Pieces are drawn after the digit, so that both show it at the same place; they only add.
    EXPECT_TRUE(a.ge(b).all().item<bool>());
    const auto extra = (a - b).gt(0).sum().item<std::int64_t>();
    EXPECT_LE(extra, 6 * 36);
    pieces += extra;
    const auto digit = digits->get(5, {})["image"][0];
    EXPECT_FLOAT_EQ(b.sum().item<float>(), digit.sum().item<float>());
    bool is_found = false;
    for (std::int64_t y = 0; y <= 32 && !is_found; ++y)
      for (std::int64_t x = 0; x <= 32 && !is_found; ++x)
        is_found = b.slice(0, y, y + 28).slice(1, x, x + 28).equal(digit);
    EXPECT_TRUE(is_found) << key;
  }
  EXPECT_GT(pieces, 50 * 20);
}

TEST(AddedDigits, ShowsTwoDigitsAndTheirSum) {
  const auto digits = some_digits();
  const AddedDigits set(digits, {});
  std::vector<int> seen(19, 0);
  for (std::int64_t i = 0; i < 50; ++i) {
    for (std::uint64_t key = 0; key < 8; ++key) {
      const Example example = set.get(i, {key + 100 * static_cast<std::uint64_t>(i)});
      ASSERT_EQ(example["image"].sizes(), (torch::IntArrayRef{2, 42, 42}));
      const auto first = example["image"][0].slice(0, 7, 35).slice(1, 7, 35);
      const auto second = example["image"][1].slice(0, 7, 35).slice(1, 7, 35);
      EXPECT_TRUE(first.equal(digits->get(i, {})["image"][0]));
      std::int64_t other = -1;
      for (std::int64_t j = 0; j < 50; ++j)
        if (second.equal(digits->get(j, {})["image"][0])) other = j;
      ASSERT_GE(other, 0);
      EXPECT_EQ(example["label"].item<std::int64_t>(), i % 10 + other % 10);
      ++seen[static_cast<std::size_t>(example["label"].item<std::int64_t>())];
    }
  }
  for (int sum = 1; sum < 18; ++sum) EXPECT_GT(seen[static_cast<std::size_t>(sum)], 0) << sum;
  EXPECT_EQ(set.class_names().size(), 19U);
  const AddedDigits distorted(digits);
  EXPECT_FALSE(distorted.get(0, {1})["image"].equal(distorted.get(0, {2})["image"]));
}

TEST(LocatedDigits, TheBoxHoldsTheDigit) {
  const auto digits = some_digits(200);
  for (const int patches : {0, 16}) {
    const LocatedDigits set(digits, {.digit = 3, .count = 15, .patches = patches});
    ASSERT_EQ(set.size(), 15);
    std::set<float> places;
    for (std::int64_t i = 0; i < 15; ++i) {
      const Example example = set.get(i, {static_cast<std::uint64_t>(i)});
      EXPECT_EQ(set.label(i), 3);
      EXPECT_EQ(example["image"].sizes(), (torch::IntArrayRef{1, 84, 84}));
      const auto* box = example["box"].data_ptr<float>();
      EXPECT_EQ(box[2] - box[0], 28);
      EXPECT_EQ(box[3] - box[1], 28);
      const auto x = static_cast<std::int64_t>(box[0]), y = static_cast<std::int64_t>(box[1]);
      ASSERT_GE(std::min(x, y), 0);
      ASSERT_LE(std::max(x, y), 56);
      const auto inside = example["image"][0].slice(0, y, y + 28).slice(1, x, x + 28);
      const auto digit = digits->get(3 + 10 * i, {})["image"][0];
      if (patches == 0) {
        EXPECT_TRUE(inside.equal(digit));
      } else {
        EXPECT_TRUE(inside.ge(digit).all().item<bool>());
        EXPECT_GT(example["image"].sum().item<float>(), digit.sum().item<float>() + 10);
      }
      EXPECT_TRUE(example["image"].equal(set.get(i, {77})["image"]));  // fixed
      places.insert(box[0]);
    }
    EXPECT_GT(places.size(), 8U);
  }
  EXPECT_EQ(LocatedDigits(digits, {.count = 1000}).size(), 200);
  EXPECT_THROW(LocatedDigits(some_digits(3), {.digit = 9}), Error);
}

TEST(DistortedDigits, OneSentencePerError) {
  const auto error_of = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(error_of([] { DistortedDigits(nullptr, {}); }),
            "distorted digits need a set of at least one digit");
  EXPECT_EQ(error_of([] { DistortedDigits(some_digits(), {.side = 27}); }),
            "a distorted digit's side must be even and in 28..4096, got 27");
  EXPECT_EQ(error_of([] { DistortedDigits(some_digits(), {.turn_deg = 181}); }),
            "a distorted digit's turn_deg must be in 0..180, got 181");
  EXPECT_EQ(error_of([] { DistortedDigits(some_digits(), {.scale_high = 2}); }),
            "a distorted digit's scale must be a range above 0 that fits its picture, got 1..2");
  EXPECT_EQ(
      error_of([] { DistortedDigits(some_digits(), {.patches = -1}); }),
      "a distorted digit's corner_px, control_px and patches must be at least 0, got 0, 0 and -1");
  EXPECT_EQ(error_of([] { DistortedDigits(some_digits(), {.turn_deg = 10, .corner_px = 5}); }),
            "a distorted digit's corner_px moves the whole picture: with it turn_deg must be 0 and "
            "is_translated false, got 10 and 0");
}

}  // namespace distorted_digits_test
}  // namespace clew::data
