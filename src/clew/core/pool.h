// SPDX-License-Identifier: Apache-2.0
// A fixed set of worker threads that run one job at a time over an index range.
// It is not a task graph: `run` blocks until every index is done.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace clew {

/// `threads` workers counting the caller, so `ThreadPool(1)` starts no thread.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // 1..1024, or clew::Error
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls job(worker) once for every worker in [0, threads()), the caller being worker 0. Blocks.
  /// The first exception of any worker is rethrown here after all have ended. Not reentrant.
  void run(const std::function<void(int worker)>& job);

 private:
  void work(int worker);
  void call(int worker);

  std::mutex mutex_;
  std::condition_variable start_, finish_;
  const std::function<void(int)>* job_ = nullptr;
  std::uint64_t round_ = 0;
  int busy_ = 0;
  bool stopping_ = false;
  std::exception_ptr fault_;
  std::vector<std::thread> workers_;
};

/// The part [begin, end) of `count` items that `worker` of `workers` takes: contiguous, sizes differ by one at most.
struct Share {
  std::int64_t begin = 0, end = 0;
};
constexpr Share share_of(std::int64_t count, int worker, int workers) {
  return {count * worker / workers, count * (worker + 1) / workers};
}

}  // namespace clew
