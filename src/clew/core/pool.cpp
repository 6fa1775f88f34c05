// SPDX-License-Identifier: Apache-2.0
#include "clew/core/pool.h"

#include <utility>

#include "clew/core/error.h"

namespace clew {
namespace {

// Spins before sleeping: some 20 us, about the cost of waking a thread. So consecutive jobs start
// in under 1 us, and an idle pool costs nothing.
constexpr int kLooks = 1000;

void pause_briefly() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Blocks until is_wanted(value of the atomic).
template <class T, class IsWanted>
void wait_until(const std::atomic<T>& atomic, const IsWanted& is_wanted) {
  for (int look = 0; look < kLooks; ++look) {
    if (is_wanted(atomic.load(std::memory_order_acquire))) return;
    pause_briefly();
  }
  for (T value = atomic.load(std::memory_order_acquire); !is_wanted(value);
       value = atomic.load(std::memory_order_acquire)) {
    atomic.wait(value, std::memory_order_acquire);
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  CLEW_CHECK(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
  workers_.reserve(static_cast<std::size_t>(threads) - 1);
  try {
    for (int worker = 1; worker < threads; ++worker) {
      workers_.emplace_back([this, worker] { work(worker); });
    }
  } catch (...) {  // out of threads
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  is_stopping_ = true;
  ++round_;
  round_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::call(int worker) {
  try {
    call_.function(call_.job, worker);
  } catch (...) {
    const std::lock_guard lock(fault_mutex_);
    if (!fault_) fault_ = std::current_exception();
  }
}

void ThreadPool::run_on_all(Call call_in) {
  if (workers_.empty()) return call_in.function(call_in.job, 0);
  call_ = call_in;
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  ++round_;  // publishes the two lines above
  round_.notify_all();
  call(0);
  wait_until(busy_, [](int busy) { return busy == 0; });
  if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

void ThreadPool::work(int worker) {
  for (std::uint32_t seen = 0;; ++seen) {
    wait_until(round_, [seen](std::uint32_t round) { return round != seen; });
    if (is_stopping_) return;
    call(worker);
    if (--busy_ == 0) busy_.notify_one();
  }
}

}  // namespace clew
