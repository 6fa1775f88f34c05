// SPDX-License-Identifier: Apache-2.0
// Interface of the renderer's kernels, compiled once per instruction set. Private to the module.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "clew/maze/render.h"
#include "clew/maze/render_model.h"
#include "clew/maze/textures.h"

namespace clew::maze {

/// Arguments of one frame. Owned by the caller.
struct FrameJob {
  const View& view;
  const Textures& looks;
  const Grid& grid;
  std::span<const Sprite> sprites;
  Camera camera, previous;
  FrameBuffers out;
};

/// Scratch memory of a thread, reused for every frame; grows to the largest view.
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

/// Draws with this machine's best instruction set, within hwy::SetSupportedTargetsForTest.
void draw_frame(const FrameJob& job, Scratch& scratch);

}  // namespace clew::maze
