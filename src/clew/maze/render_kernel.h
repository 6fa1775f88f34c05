// SPDX-License-Identifier: Apache-2.0
// Inside the renderer: what the compiled kernels (one for each instruction set) are given to draw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "clew/maze/render.h"
#include "clew/maze/render_model.h"
#include "clew/maze/textures.h"

namespace clew::maze {

/// One frame to draw. Everything belongs to the caller and outlives the call.
struct FrameJob {
  const View& view;
  const Textures& looks;
  const Grid& grid;
  std::span<const Sprite> sprites;
  Camera camera, previous;
  FrameBuffers out;
};

/// Memory that a thread uses again for every frame; grows to the largest view it has drawn.
class Scratch {
 public:
  /// At least `bytes` bytes, aligned to a cache line, with undefined contents.
  std::byte* reserve(std::size_t bytes) {
    if (bytes > size_) {
      memory_.reset(static_cast<std::byte*>(::operator new (bytes, std::align_val_t{64})));
      size_ = bytes;
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(std::byte* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t size_ = 0;
};

/// Draws with the best instruction set of this machine (or what hwy::SetSupportedTargetsForTest
/// allows).
void draw_frame(const FrameJob& job, Scratch& scratch);

}  // namespace clew::maze
