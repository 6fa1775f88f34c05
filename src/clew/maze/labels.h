// SPDX-License-Identifier: Apache-2.0
// Auxiliary labels: depth classes from a depth image, loop closure from the trajectory since the
// last spawn.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace clew::maze {

constexpr int kDepthRows = 4, kDepthColumns = 16, kDepthClasses = 8;

/// Class k: depths from kDepthEdges[k - 1] up to kDepthEdges[k], in cells; class 0 is the nearest.
/// Mirowski et al. 2016 (section 3.2) quantise D^10 at {.05, .175, .3, .425, .55, .675, .8}, where
/// D is a Z-buffer in [0,1] with the far plane at infinity: D = 1 - kDepthNear / depth, so edge =
/// kDepthNear / (1 - cut^(1/10)). kDepthNear is chosen so that random and shortest-path players see
/// all eight classes. Shares in static_small, percent: random 24 29 15 11 12 5 4 0.5, shortest path
/// 5 10 11 14 29 14 17 2 (2.6 and 2.7 of 3 bits).
constexpr float kDepthNear = 0.05F;  // cells
constexpr std::array<float, kDepthClasses - 1> kDepthEdges = {0.1932F, 0.3126F, 0.4408F, 0.6097F,
                                                              0.8616F, 1.2973F, 2.2658F};

/// depth [H,W] f32, cells -> out [4,16] u8 in 0..7. Sampled as by the paper at 84x84, rows 16, 29,
/// 42, 55 and columns 2, 7, ..., 77, or at the same relative positions of another size.
void depth_classes(std::span<const float> depth, int width, int height, std::uint8_t* out);

/// Trajectory of a player since its last spawn, one point per step, at most 4 bytes each. Positions
/// are rounded to 1/128 cell; a repeated point is not stored again, which changes no label.
class Trail {
 public:
  /// Keeps the capacity.
  void clear();
  void append(float x, float y);  // cells, in [0, 255]
  std::size_t size() const { return x_.size(); }

  /// Loop closure at the last point p_t (Mirowski et al. 2016, section 3.2): there are t' < t'' < t
  /// with |p_t - p_t'| <= near and |p_t - p_t''| >= far. Distances are between stored positions,
  /// compared exactly. False for an empty trail.
  struct Reach {
    std::int32_t near2 = 0, far2 = 0;  // squares, in units of 1/128 cell
  };
  bool is_loop(const Reach& reach) const;
  static Reach reach_of(float near, float far);  // cells, 0 < near < far

  // Serialisation for snapshots: 4 bytes per point.
  std::size_t byte_size() const { return 4 * size(); }
  void write(std::byte* out) const;
  void read(std::span<const std::byte> bytes);  // byte_size() of what was written

 private:
  std::vector<std::int16_t> x_, y_;  // 1/128 cell, 0..32640
};

}  // namespace clew::maze
