// SPDX-License-Identifier: Apache-2.0
#include "clew/core/pool.h"

#include "clew/core/error.h"

namespace clew {

ThreadPool::ThreadPool(int threads) {
  CLEW_CHECK(threads >= 1 && threads <= 1024, "threads must be in 1..1024, got ", threads);
  workers_.reserve(static_cast<std::size_t>(threads) - 1);
  for (int worker = 1; worker < threads; ++worker) {
    workers_.emplace_back([this, worker] { work(worker); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::call(int worker) {
  try {
    (*job_)(worker);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!fault_) fault_ = std::current_exception();
  }
}

void ThreadPool::run(const std::function<void(int)>& job) {
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    fault_ = nullptr;
    busy_ = static_cast<int>(workers_.size());
    ++round_;
  }
  start_.notify_all();
  call(0);
  std::unique_lock lock(mutex_);
  finish_.wait(lock, [this] { return busy_ == 0; });
  job_ = nullptr;
  if (fault_) std::rethrow_exception(std::exchange(fault_, nullptr));
}

void ThreadPool::work(int worker) {
  std::uint64_t seen = 0;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || round_ != seen; });
      if (stopping_) return;
      seen = round_;
    }
    call(worker);
    {
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) finish_.notify_one();
    }
  }
}

}  // namespace clew
