// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/render.h"

#include <cmath>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/turns.h"
#include "clew/maze/render_model.h"
#include "clew/maze/render_reference.h"

namespace clew::maze {

struct Renderer::Tables {
  explicit Tables(const RenderOptions& chosen) : options(chosen), view(chosen) {}
  RenderOptions options;
  View view;
};

Renderer::Renderer(const RenderOptions& options)
    : tables_(std::make_unique<const Tables>(options)) {}
Renderer::~Renderer() = default;

const RenderOptions& Renderer::options() const { return tables_->options; }

void Renderer::render(const Grid& grid, std::span<const Sprite> sprites, const Camera& camera,
                      const Camera& previous, const FrameBuffers& out) const {
  CLEW_CHECK(camera.x >= 0 && camera.y >= 0 && camera.x <= static_cast<float>(grid.width) &&
                 camera.y <= static_cast<float>(grid.height),
             "the camera must be inside the maze of ", grid.width, "x", grid.height,
             " cells, got (", camera.x, ", ", camera.y, ")");
  const Direction forward = direction_of(camera.heading);
  std::vector<Sprite> in_front;
  for (const Sprite& sprite : sprites) {
    const float depth = (sprite.x - camera.x) * forward.x + (sprite.y - camera.y) * forward.y;
    if (depth > -kThingRadius) in_front.push_back(sprite);
  }
  render_reference(tables_->options, grid, in_front, camera, previous, out);
}

const char* simd_target_name() { return "SCALAR"; }

}  // namespace clew::maze
