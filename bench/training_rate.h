// SPDX-License-Identifier: Apache-2.0
// How fast something learns: chunks of updates by the clock.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace clew::bench {

class TrainingRate {
 public:
  /// `update` makes one update; `done` counts what has been learned from, steps or examples.
  TrainingRate(std::function<void()> update, std::function<std::int64_t()> done);

  void warm_up(int updates);
  /// Adds the rates of so many chunks, each at least `seconds` long.
  void measure(int chunks, double seconds);

  // Of all chunks, a second.
  double median() const;
  double slowest() const;
  double fastest() const;

 private:
  std::function<void()> update_;
  std::function<std::int64_t()> done_;
  std::vector<double> rates_;
};

}  // namespace clew::bench
