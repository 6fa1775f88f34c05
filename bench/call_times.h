// SPDX-License-Identifier: Apache-2.0
// Times of calls, and the peer's beside them. Private to the folder.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

/// Seconds of calls, measured in parts, behind a warm-up.
class CallTimes {
 public:
  explicit CallTimes(std::function<void()> work) : work_(std::move(work)) { work_(); }
  /// Adds as many calls as fit into `seconds`, at least two.
  void measure(double seconds) {
    using Steady = std::chrono::steady_clock;
    const auto since = [](Steady::time_point start) {
      return std::chrono::duration<double>(Steady::now() - start).count();
    };
    const auto start = Steady::now();
    for (int calls = 0; calls < 2 || since(start) < seconds; ++calls) {
      const auto before = Steady::now();
      work_();
      times_.push_back(since(before));
    }
  }
  double median() const {
    auto times = times_;
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
  double best() const { return std::ranges::min(times_); }

 private:
  std::function<void()> work_;
  std::vector<double> times_;
};

/// One thread, and `threads` where these are more.
inline std::vector<int> counts_up_to(int threads) {
  return threads == 1 ? std::vector{1} : std::vector{1, threads};
}

/// Adds "peer_ms", "times_peer" and the peer's answer to a row with "ms".
inline void add_peer(Json& row, const Json& peer) {
  const auto ms = peer["peer_ms"].get<double>();
  row["peer_ms"] = ms;
  row["times_peer"] = ms / row["ms"].get<double>();
  row["peer"] = peer;
}

}  // namespace clew::bench
