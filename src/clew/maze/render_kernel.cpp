// SPDX-License-Identifier: Apache-2.0
// Rendering of a frame, compiled once per instruction set by Highway.
//
// Five passes, all in L1 cache, one file each:
//   1. rays: grid traversal, 16 columns at a time (AVX-512);
//   2. walls: one byte look-up scales a column's texture, then 16 columns are transposed;
//   3. rows: floor and ceiling by integer steps, merged with the walls into two planes of bytes,
//      palette index and light. Depth is one number per row or column;
//   4. solids: drawn over planes and depth;
//   5. colours: palette index and light to RGB.
// Rows mirrored about the horizon share depth, light, mask and floor coordinates.
#include "clew/maze/render_kernel.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "clew/core/error.h"
#include "clew/core/turns.h"
#include "clew/maze/render_reference.h"

// AVX3_DL (Ice Lake, Zen 4 and later) looks up 64 bytes in a table of 128 in one instruction.
#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clew/maze/render_kernel.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace clew::maze {
namespace HWY_NAMESPACE {

const char* target_name() { return hwy::TargetName(HWY_TARGET); }

#if HWY_TARGET == HWY_SCALAR
// No SIMD: x86 from before 2006, or a compiler without Highway's support.
void draw(const FrameJob& job, Scratch& /*scratch*/) {
  render_reference(job.view, job.grid, job.sprites, job.camera, job.previous, job.out);
}
#else

// In the order of the passes; each uses those before it.
// clang-format off
#include "clew/maze/render_simd-inl.h"
#include "clew/maze/render_rays-inl.h"
#include "clew/maze/render_walls-inl.h"
#include "clew/maze/render_rows-inl.h"
#include "clew/maze/render_solids-inl.h"
#include "clew/maze/render_colours-inl.h"
// clang-format on

// Bump allocator with aligned pieces; from null it only counts the size.
class Carver {
 public:
  explicit Carver(std::byte* at) : at_(at) {}
  template <class T>
  T* take(std::size_t count) {
    // Without memory it only counts: an offset to null would be undefined.
    T* result = at_ == nullptr ? nullptr : reinterpret_cast<T*>(at_ + used_);
    used_ += (count * sizeof(T) + 63) / 64 * 64;
    return result;
  }
  std::size_t used() const { return used_; }

 private:
  std::byte* at_;
  std::size_t used_ = 0;
};

void draw(const FrameJob& job, Scratch& scratch) {
  const View& view = job.view;
  const std::size_t width = view.column_slope.size(),
                    pixels = static_cast<std::size_t>(view.width) *
                             static_cast<std::size_t>(view.height);
  const std::size_t pairs = static_cast<std::size_t>((view.pairs + 63) / 64 * 64),
                    segments = width / kSegment;
  Columns columns{};
  Planes planes{};
  float* spare_depth = nullptr;
  const auto carve = [&](std::byte* memory) {
    Carver carver(memory);
    columns.depth = carver.take<float>(width);
    columns.pairs_f32 = carver.take<float>(width);
    columns.texture = carver.take<std::uint32_t>(width);
    columns.half_step = carver.take<std::uint16_t>(width);
    columns.pairs = carver.take<std::uint8_t>(width);
    columns.light = carver.take<std::uint8_t>(width);
    planes.pitch = width;
    planes.lower = carver.take<std::uint8_t>(pairs * width);
    planes.upper = carver.take<std::uint8_t>(pairs * width);
    planes.colour = carver.take<std::uint8_t>(pixels + 64);
    planes.light = carver.take<std::uint8_t>(pixels + 64);
    planes.floor_x = carver.take<std::int32_t>(segments * pairs);
    planes.floor_y = carver.take<std::int32_t>(segments * pairs);
    planes.step_x = carver.take<std::int32_t>(pairs);
    planes.step_y = carver.take<std::int32_t>(pairs);
    spare_depth = carver.take<float>(pixels);
    return carver.used();
  };
  carve(scratch.reserve(carve(nullptr)));

  const Direction forward = direction_of(job.camera.heading);
  cast_rays(job, forward, columns);
  if (job.out.rgb != nullptr) draw_background(job, forward, columns, planes);
  if (job.out.semantic != nullptr || job.out.instance != nullptr) {
    draw_ids(view, columns, job.out.semantic, job.out.instance);
  }
  float* depth = job.out.depth;
  if (depth == nullptr && job.out.flow != nullptr) depth = spare_depth;
  if (depth != nullptr) draw_depth(view, columns, depth);
  draw_sprites(job, forward, columns,
               {planes.colour, planes.light, depth, job.out.semantic, job.out.instance},
               spare_depth);
  if (job.out.rgb != nullptr) colour_pixels(job, planes);
  if (job.out.flow != nullptr) draw_flow(job, depth, job.out.flow);
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace HWY_NAMESPACE
}  // namespace clew::maze
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace clew::maze {

HWY_EXPORT(draw);
HWY_EXPORT(target_name);

void draw_frame(const FrameJob& job, Scratch& scratch) { HWY_DYNAMIC_DISPATCH(draw)(job, scratch); }

const char* simd_target_name() { return HWY_DYNAMIC_DISPATCH(target_name)(); }

std::vector<std::string> simd_target_names() {
  std::vector<std::string> names;
  // Only the scalar target that this compiler builds.
  const std::int64_t targets = hwy::SupportedTargets() & (HWY_TARGETS);
  for (int bit = 0; bit < 63; ++bit) {
    if ((targets >> bit & 1) != 0) names.emplace_back(hwy::TargetName(std::int64_t{1} << bit));
  }
  return names;
}

void use_simd_target(std::string_view name) {
  hwy::SetSupportedTargetsForTest(0);
  if (!name.empty()) {
    const std::int64_t targets = hwy::SupportedTargets() & (HWY_TARGETS);
    std::int64_t chosen = 0;
    for (int bit = 0; bit < 63; ++bit) {
      const std::int64_t target = std::int64_t{1} << bit;
      if ((targets & target) != 0 && name == hwy::TargetName(target)) chosen = target;
    }
    CLEW_CHECK(chosen != 0, "instruction set must be one of this machine's, got \"",
               std::string(name), "\"");
    hwy::SetSupportedTargetsForTest(chosen);
  }
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace clew::maze
#endif  // HWY_ONCE
