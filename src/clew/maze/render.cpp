// SPDX-License-Identifier: Apache-2.0
#include "clew/maze/render.h"

#include "clew/core/error.h"
#include "clew/maze/render_kernel.h"
#include "clew/maze/render_model.h"

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
  // Per thread, so that frames need no allocation.
  thread_local Scratch scratch;
  draw_frame({tables_->view, textures(), grid, sprites, camera, previous, out}, scratch);
}

}  // namespace clew::maze
