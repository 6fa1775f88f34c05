// SPDX-License-Identifier: Apache-2.0
#include "clew/core/pool.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "clew/core/error.h"

namespace clew {
namespace pool_test {

TEST(ThreadPool, CallsEveryWorkerOncePerRun) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.threads(), threads);
    std::vector<int> calls(static_cast<std::size_t>(threads), 0);
    for (int run = 1; run <= 50; ++run) {
      pool.run([&](int worker) { ++calls[static_cast<std::size_t>(worker)]; });
      for (const int count : calls) ASSERT_EQ(count, run);
    }
  }
}

TEST(ThreadPool, WakesWorkersThatHaveGoneToSleep) {
  ThreadPool pool(2);
  std::atomic<int> calls = 0;
  for (int run = 0; run < 3; ++run) {
    // Long enough for the other worker to stop looking and sleep.
    std::uint64_t sum = 1;
    for (int i = 0; i < 2'000'000; ++i) sum = sum * 3 + 1;
    pool.run([&](int) { calls += sum != 0 ? 1 : 0; });
  }
  EXPECT_EQ(calls, 6);
}

TEST(ThreadPool, RethrowsOneFaultAfterAllHaveEndedAndGoesOn) {
  ThreadPool pool(4);
  for (int run = 0; run < 20; ++run) {
    std::atomic<int> ended = 0;
    try {
      pool.run([&](int worker) {
        ++ended;
        if (worker % 2 == 1) throw Error("worker " + std::to_string(worker));
      });
      FAIL() << "no exception";
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).substr(0, 7), "worker ");
    }
    EXPECT_EQ(ended, 4);
    pool.run([&](int) { ++ended; });
    EXPECT_EQ(ended, 8);
  }
}

TEST(ThreadPool, RethrowsTheCallersOwnFault) {
  for (const int threads : {1, 2}) {
    ThreadPool pool(threads);
    EXPECT_THROW(pool.run([](int worker) {
      if (worker == 0) throw Error("the caller");
    }),
                 Error);
  }
}

TEST(ThreadPool, TakesAStdFunction) {
  ThreadPool pool(2);
  std::atomic<int> sum = 0;
  const std::function<void(int)> job = [&](int worker) { sum += worker + 1; };
  pool.run(job);
  EXPECT_EQ(sum, 3);
}

TEST(ThreadPool, RefusesBadCounts) {
  for (const int threads : {0, -1, 1025}) {
    try {
      ThreadPool pool(threads);
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                "threads must be in 1..1024, got " + std::to_string(threads));
    }
  }
}

TEST(ShareOf, PartsAreContiguousAndEven) {
  for (const std::int64_t count : {0, 1, 5, 64, 65536}) {
    for (int workers = 1; workers <= 7; ++workers) {
      std::int64_t next = 0;
      for (int worker = 0; worker < workers; ++worker) {
        const Share share = share_of(count, worker, workers);
        EXPECT_EQ(share.begin, next);
        EXPECT_GE(share.end - share.begin, count / workers);
        EXPECT_LE(share.end - share.begin, count / workers + 1);
        next = share.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

}  // namespace pool_test
}  // namespace clew
