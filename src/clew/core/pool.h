// SPDX-License-Identifier: Apache-2.0
// A fixed thread pool that runs one job at a time in all workers; `run` blocks until all are done.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace clew {

/// `threads` workers including the caller: `ThreadPool(1)` starts no thread and takes no lock.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // 1..1024, or clew::Error
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls job(int worker) once for every worker in [0, threads()); the caller is worker 0. Blocks;
  /// allocates nothing. Rethrows the first exception of any worker after all have ended. Not
  /// reentrant.
  template <class Job>
  void run(const Job& job) {
    run_on_all(
        {&job, [](const void* erased, int worker) { (*static_cast<const Job*>(erased))(worker); }});
  }

 private:
  struct Call {
    const void* job = nullptr;
    void (*function)(const void* job, int worker) = nullptr;
  };
  void run_on_all(Call call);
  void work(int worker);
  void stop();
  void call(int worker);

  Call call_;
  // Separate cache lines, so that waiting workers do not slow those that finish.
  alignas(64) std::atomic<std::uint32_t> round_ = 0;  // incremented for a new job, or the end
  alignas(64) std::atomic<int> busy_ = 0;             // workers still running
  std::atomic<bool> is_stopping_ = false;
  std::mutex fault_mutex_;
  std::exception_ptr fault_;
  std::vector<std::thread> workers_;
};

/// Range [begin, end) of `count` items for `worker` of `workers`: contiguous, sizes differ by at
/// most one.
struct Share {
  std::int64_t begin = 0, end = 0;
};
constexpr Share share_of(std::int64_t count, int worker, int workers) {
  return {count * worker / workers, count * (worker + 1) / workers};
}

}  // namespace clew
