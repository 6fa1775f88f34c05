// SPDX-License-Identifier: Apache-2.0
// Reference renderer, pixel by pixel; the fast renderer must give the same bytes.
#pragma once

#include <span>

#include "clew/maze/render.h"
#include "clew/maze/render_model.h"

namespace clew::maze {

/// As Renderer::render, about a hundred times slower.
void render_reference(const RenderOptions& options, const Grid& grid,
                      std::span<const Sprite> sprites, const Camera& camera, const Camera& previous,
                      const FrameBuffers& out);

void render_reference(const View& view, const Grid& grid, std::span<const Sprite> sprites,
                      const Camera& camera, const Camera& previous, const FrameBuffers& out);

}  // namespace clew::maze
