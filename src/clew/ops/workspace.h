// SPDX-License-Identifier: Apache-2.0
// Pool of large buffers, reused from rollout to rollout, to avoid malloc and page faults in the
// loop. Only for operators of this module, not an allocator for tensors.
#pragma once

#include <cstddef>
#include <memory>

namespace clew::ops {

/// A block that returns to its workspace with its last owner. Aligned to 64 bytes, uninitialised.
using Buffer = std::shared_ptr<std::byte>;

/// Copies share one pool. Thread-safe, but meant for one worker: blocks stay in that core's cache.
class Workspace {
 public:
  Workspace();
  /// A block of at least `bytes` (> 0), reused if one of that size class is free.
  Buffer take(std::size_t bytes) const;
  /// Bytes held by the pool, in use or free.
  std::size_t bytes() const;

 private:
  struct Pool;
  std::shared_ptr<Pool> pool_;
};

}  // namespace clew::ops
