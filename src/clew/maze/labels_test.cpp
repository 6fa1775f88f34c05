// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "clew/core/key.h"

namespace clew::maze {
namespace labels_test {

TEST(DepthClasses, EdgesFollowFromTheOriginalsCuts) {
  const double cuts[] = {.05, .175, .3, .425, .55, .675, .8};
  for (std::size_t i = 0; i < kDepthEdges.size(); ++i) {
    EXPECT_NEAR(kDepthEdges[i], kDepthNear / (1 - std::pow(cuts[i], 0.1)), 6e-5) << i;
  }
}

TEST(DepthClasses, ClassCountsTheEdgesAtOrBelow) {
  std::vector<float> depth(84 * 84);
  std::uint8_t out[64];
  const auto class_of = [&](float d) {
    std::fill(depth.begin(), depth.end(), d);
    depth_classes(depth, 84, 84, out);
    EXPECT_EQ(std::set<int>(out, out + 64).size(), 1U);
    return int{out[0]};
  };
  EXPECT_EQ(class_of(0), 0);
  EXPECT_EQ(class_of(0.19F), 0);
  for (int i = 0; i < 7; ++i) {
    EXPECT_EQ(class_of(kDepthEdges[static_cast<std::size_t>(i)]), i + 1);
    EXPECT_EQ(class_of(std::nextafter(kDepthEdges[static_cast<std::size_t>(i)], 0.0F)), i);
  }
  EXPECT_EQ(class_of(1e9F), 7);
}

// Rows 16, 29, 42, 55 and columns 2, 7, ..., 77 of 84x84, as the original crops and subsamples.
TEST(DepthClasses, SamplesTheOriginalsPixels) {
  std::vector<float> depth(84 * 84, 0.0F);
  std::uint8_t out[64];
  for (int r = 0; r < 4; ++r) {
    for (int c = 0; c < 16; ++c) {
      const auto at = static_cast<std::size_t>((16 + 13 * r) * 84 + 2 + 5 * c);
      depth[at] = 10;
      depth_classes(depth, 84, 84, out);
      EXPECT_EQ(std::accumulate(out, out + 64, 0), 7);
      EXPECT_EQ(out[16 * r + c], 7);
      depth[at] = 0;
    }
  }
}

TEST(DepthClasses, SamplesTheSamePlacesOfOtherSizes) {
  for (const auto& [width, height] :
       {std::pair{16, 16}, {21, 84}, {84, 42}, {160, 120}, {640, 480}}) {
    // Values encode positions: every sample must be within a pixel of its position in 84x84.
    const auto size = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    std::vector<float> depth(size, 0.0F);
    std::uint8_t out[64];
    for (int r = 0; r < 4; ++r) {
      const double y = (16.5 + 13 * r) / 84 * height;
      std::fill(depth.begin(), depth.end(), 0.0F);
      for (int line = 0; line < height; ++line) {
        if (std::abs(line + 0.5 - y) > 0.5 + 1e-9) continue;
        for (int x = 0; x < width; ++x) depth[static_cast<std::size_t>(line * width + x)] = 10;
      }
      depth_classes(depth, width, height, out);
      for (int c = 0; c < 16; ++c)
        EXPECT_EQ(out[16 * r + c], 7) << width << "x" << height << " row " << r;
    }
    for (int c = 0; c < 16; ++c) {
      const double x = (2.5 + 5 * c) / 84 * width;
      std::fill(depth.begin(), depth.end(), 0.0F);
      for (int column = 0; column < width; ++column) {
        if (std::abs(column + 0.5 - x) > 0.5 + 1e-9) continue;
        for (int line = 0; line < height; ++line)
          depth[static_cast<std::size_t>(line * width + column)] = 10;
      }
      depth_classes(depth, width, height, out);
      for (int r = 0; r < 4; ++r)
        EXPECT_EQ(out[16 * r + c], 7) << width << "x" << height << " column " << c;
    }
  }
}

// The definition, on all positions, rounded as in Trail.
bool is_loop_by_definition(const std::vector<std::pair<float, float>>& points, double near,
                           double far) {
  const auto round = [](float v) { return std::floor(v * 128.0 + 0.5); };
  const auto distance = [&](std::size_t a, std::size_t b) {
    return std::hypot(round(points[a].first) - round(points[b].first),
                      round(points[a].second) - round(points[b].second)) /
           128;
  };
  const std::size_t t = points.size() - 1;
  for (std::size_t i = 0; i < t; ++i) {
    if (distance(t, i) > near) continue;
    for (std::size_t j = i + 1; j < t; ++j) {
      if (distance(t, j) >= far) return true;
    }
  }
  return false;
}

TEST(Trail, HandComputedLoops) {
  const Trail::Reach reach = Trail::reach_of(1, 2);
  Trail trail;
  EXPECT_FALSE(trail.is_loop(reach));
  const auto go = [&](float x, float y) {
    trail.append(x, y);
    return trail.is_loop(reach);
  };
  EXPECT_FALSE(go(5, 5));
  EXPECT_FALSE(go(6, 5));
  EXPECT_FALSE(go(7, 5));  // far from the start, but never back
  EXPECT_FALSE(go(6.5F, 5));
  EXPECT_FALSE(
      go(6, 5));  // (5,5) and (6,5) are near; nothing in between was 2 away from here: 7 is 1 away
  EXPECT_TRUE(go(5, 5));  // 0 away at t' = 0, 2 away at t'' = 2
  EXPECT_TRUE(go(4, 5));  // 1 away from (5,5): "at most" counts equality
  EXPECT_FALSE(go(3.99F, 5)) << "1.01 from (5,5), which is the nearest before the far ones";
  trail.clear();
  EXPECT_FALSE(go(5, 5)) << "a new life has no past";
}

TEST(Trail, EqualsTheDefinitionOnRandomWalks) {
  int loops = 0, steps = 0;
  for (int walk = 0; walk < 60; ++walk) {
    Stream random(fold_in(Key{7}, static_cast<std::uint64_t>(walk)));
    const float near = walk % 3 == 0 ? 0.3F : 1, far = walk % 2 == 0 ? 2 : 1.2F;
    const Trail::Reach reach = Trail::reach_of(near, far);
    Trail trail;
    std::vector<std::pair<float, float>> points;
    float x = 3, y = 3, dx = 0, dy = 0;
    for (int t = 0; t < 400; ++t) {
      if (random.below(6) == 0) {
        dx = (random.uniform() - 0.5F) * 0.4F;
        dy = (random.uniform() - 0.5F) * 0.4F;
      } else if (random.below(12) == 0) {
        dx = dy = 0;  // stand, so that points repeat
      }
      x = std::clamp(x + dx, 0.2F, 6.8F);
      y = std::clamp(y + dy, 0.2F, 6.8F);
      trail.append(x, y);
      points.emplace_back(x, y);
      const bool is_loop = trail.is_loop(reach);
      ASSERT_EQ(is_loop, is_loop_by_definition(points, near, far))
          << "walk " << walk << " step " << t;
      loops += is_loop ? 1 : 0;
      ++steps;
    }
    EXPECT_LT(trail.size(), points.size());
  }
  EXPECT_GT(loops, steps / 5);
  EXPECT_LT(loops, steps * 4 / 5);
}

TEST(Trail, HoldsTheLargestMaze) {
  const Trail::Reach reach = Trail::reach_of(1, 300);
  Trail trail;
  trail.append(0, 0);
  trail.append(254.9F, 254.9F);  // 360 cells away
  trail.append(0, 0.5F);
  EXPECT_TRUE(trail.is_loop(reach));
}

TEST(Trail, BytesGiveItBack) {
  Trail trail, other;
  for (int i = 0; i < 300; ++i)
    trail.append(static_cast<float>(i % 17), static_cast<float>(i) * 0.1F);
  std::vector<std::byte> bytes(trail.byte_size());
  trail.write(bytes.data());
  other.append(1, 1);
  other.read(bytes);
  ASSERT_EQ(other.size(), trail.size());
  std::vector<std::byte> again(other.byte_size());
  other.write(again.data());
  EXPECT_EQ(again, bytes);
}

}  // namespace labels_test
}  // namespace clew::maze
