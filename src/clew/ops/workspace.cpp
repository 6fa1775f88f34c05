// SPDX-License-Identifier: Apache-2.0
// Free lists by size class: powers of two and the midpoints between, so at most a third of a block
// is unused.
#include "clew/ops/workspace.h"

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "clew/core/error.h"

namespace clew::ops {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

// The smallest of 64, 96, 128, 192, 256 ... that holds `bytes`.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 64) return 64;
  const std::size_t power = std::bit_ceil(bytes);
  return bytes <= power / 4 * 3 ? power / 4 * 3 : power;
}

std::byte* allocate(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : 64;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
#ifdef __linux__
  // Weight gradients read a few bytes from each of many pages. Only a hint: errors are ignored.
  if (alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(memory);
}

}  // namespace

struct Workspace::Pool {
  std::mutex mutex;
  std::map<std::size_t, std::vector<std::byte*>> free;
  std::size_t bytes = 0;

  Pool() = default;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    for (auto& [size, blocks] : free)
      for (std::byte* block : blocks) std::free(block);
  }
};

Workspace::Workspace() : pool_(std::make_shared<Pool>()) {}

Buffer Workspace::take(std::size_t bytes) const {
  CLEW_CHECK(bytes > 0, "a buffer must have at least 1 byte, got 0 (workspace)");
  const std::size_t size = size_class(bytes);
  std::byte* block = nullptr;
  {
    const std::lock_guard lock(pool_->mutex);
    std::vector<std::byte*>& blocks = pool_->free[size];
    if (blocks.empty()) {
      block = allocate(size);
      pool_->bytes += size;
    } else {
      block = blocks.back();
      blocks.pop_back();
    }
  }
  // The deleter owns the pool, so a buffer may outlive its workspace.
  return {block, [pool = pool_, size](std::byte* returned) {
            const std::lock_guard lock(pool->mutex);
            pool->free[size].push_back(returned);
          }};
}

std::size_t Workspace::bytes() const {
  const std::lock_guard lock(pool_->mutex);
  return pool_->bytes;
}

}  // namespace clew::ops
