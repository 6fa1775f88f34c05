// SPDX-License-Identifier: Apache-2.0
// Training rate: timed chunks of updates, each between two measurements of the machine's peak,
// since the speed of a shared machine varies from second to second.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace clew::bench {

class TrainingRate {
 public:
  /// `update`: one update; `done`: number of steps or examples so far; `peak`: measures the
  /// machine's peak, in some 10 ms.
  TrainingRate(std::function<void()> update, std::function<std::int64_t()> done,
               std::function<double()> peak);

  void warm_up(int updates);
  /// Adds the rates of `chunks` chunks of at least `seconds` each.
  void measure(int chunks, double seconds);

  // Of all chunks, per second.
  double median() const;
  double slowest() const;
  double fastest() const;
  /// Of all measurements between the chunks.
  double median_peak() const;
  /// Median of (rate of a chunk) / (mean of the peaks before and after it).
  double median_over_peak() const;

 private:
  std::function<void()> update_;
  std::function<std::int64_t()> done_;
  std::function<double()> peak_;
  std::vector<double> rates_, over_peak_, peaks_;
};

}  // namespace clew::bench
