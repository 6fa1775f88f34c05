// SPDX-License-Identifier: Apache-2.0
// First-person renderer: ray casting per column, textured walls, floor and ceiling, shaded objects.
// No GL, no GPU, no LibTorch. Reference implementation: render_reference.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/maze/grid.h"

namespace clew::maze {

/// Camera pose. The eye is half a cell above the floor; walls are one cell high.
struct Camera {
  float x = 0, y = 0;         // cells
  std::uint16_t heading = 0;  // 2^16 is a full turn; 0 east, 2^14 south
};

/// An object to draw, standing on the floor at (x, y).
struct Sprite {
  float x = 0, y = 0;
  ThingKind kind = ThingKind::kApple;
  std::uint16_t instance = 0;  // instance id: kInstanceThing + index of the thing
};

/// Semantic ids: 0 ceiling, 1 floor, 2 wall, kSemanticThing + ThingKind. Instance ids: 0 ceiling, 1
/// floor, 2 wall, kInstanceThing + index of the thing in its layout.
constexpr int kSemanticThing = 3, kInstanceThing = 3;

/// Output images in the caller's memory; null: not requested. H and W are the renderer's.
struct FrameBuffers {
  std::uint8_t* rgb = nullptr;  // [3,H,W] when planar, else [H,W,3]; u8
  bool is_planar = true;
  float* depth = nullptr;             // [H,W] f32, cells, along the view axis
  std::uint8_t* semantic = nullptr;   // [H,W] u8
  std::uint16_t* instance = nullptr;  // [H,W] u16
  float* flow =
      nullptr;  // [2,H,W] f32, pixels (x right, y down): backward optical flow, previous minus
                // current position of the pixel's point; NaN if it was behind the eye
};

struct RenderOptions {
  int width = 84, height = 84;  // pixels, 16..640 and 16..480
  float fov_degrees = 90;       // horizontal field of view, 30..120
};

/// Renderer for frames of one size. Holds tables only; `render` is thread-safe.
class Renderer {
 public:
  explicit Renderer(const RenderOptions& options);  // out of range: clew::Error
  ~Renderer();
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  /// Blocks. `previous`: for flow only.
  void render(const Grid& grid, std::span<const Sprite> sprites, const Camera& camera,
              const Camera& previous, const FrameBuffers& out) const;

  const RenderOptions& options() const;

 private:
  struct Tables;
  std::unique_ptr<const Tables> tables_;
};

/// Instruction set in use: "AVX3_ZEN4", "AVX2", "SCALAR", ...
const char* simd_target_name();
/// Supported instruction sets, best first. All give the same bytes.
std::vector<std::string> simd_target_names();
/// Selects an instruction set, for benchmarks and tests; "": the best. Unknown: clew::Error.
void use_simd_target(std::string_view name);

}  // namespace clew::maze
