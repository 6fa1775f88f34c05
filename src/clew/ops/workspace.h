// SPDX-License-Identifier: Apache-2.0
// Keeps large buffers from one rollout to the next, so that neither malloc nor the kernel is asked
// for fresh pages in the loop. It is not an allocator for tensors: only the operators of this module
// take from it.
#pragma once

#include <cstddef>
#include <memory>

namespace clew::ops {

/// A block of memory that goes back to its workspace when the last owner lets go. Aligned to 64
/// bytes, not cleared.
using Buffer = std::shared_ptr<std::byte>;

/// Copies share one pool. Thread-safe, but meant for one worker: its blocks stay warm in that
/// core's cache.
class Workspace {
 public:
  Workspace();
  /// A block of at least `bytes` (> 0); reused if one of that size class is free.
  Buffer take(std::size_t bytes) const;
  /// Bytes held by the pool, in use or free.
  std::size_t bytes() const;

 private:
  struct Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace clew::ops
