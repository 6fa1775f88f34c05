// SPDX-License-Identifier: Apache-2.0
// Training rate: chunks of updates by the clock, each between two measurements of the machine's peak,
// for the speed of a shared machine changes from second to second.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace clew::bench {

class TrainingRate {
 public:
  /// `update` makes one update; `done` counts what has been learned from, steps or examples; `peak`
  /// measures the machine's peak, in a few hundredths of a second.
  TrainingRate(std::function<void()> update, std::function<std::int64_t()> done,
               std::function<double()> peak);

  void warm_up(int updates);
  /// Adds the rates of so many chunks, each at least `seconds` long.
  void measure(int chunks, double seconds);

  // Of all chunks, a second.
  double median() const;
  double slowest() const;
  double fastest() const;
  /// Of all measurements between the chunks.
  double median_peak() const;
  /// The median of (rate of a chunk) / (mean of the peaks before and after it).
  double median_over_peak() const;

 private:
  std::function<void()> update_;
  std::function<std::int64_t()> done_;
  std::function<double()> peak_;
  std::vector<double> rates_, over_peak_, peaks_;
};

}  // namespace clew::bench
