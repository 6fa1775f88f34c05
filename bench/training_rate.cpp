// SPDX-License-Identifier: Apache-2.0
#include "training_rate.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace clew::bench {

using Clock = std::chrono::steady_clock;

TrainingRate::TrainingRate(std::function<void()> update, std::function<std::int64_t()> done)
    : update_(std::move(update)), done_(std::move(done)) {}

void TrainingRate::warm_up(int updates) {
  for (int i = 0; i < updates; ++i) update_();
}

void TrainingRate::measure(int chunks, double seconds) {
  for (int i = 0; i < chunks; ++i) {
    const auto start = Clock::now();
    const auto before = done_();
    double spent = 0;
    do {
      update_();
      spent = std::chrono::duration<double>(Clock::now() - start).count();
    } while (spent < seconds);
    rates_.push_back(static_cast<double>(done_() - before) / spent);
  }
}

double TrainingRate::median() const {
  auto sorted = rates_;
  std::ranges::sort(sorted);
  const auto half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
double TrainingRate::slowest() const { return std::ranges::min(rates_); }
double TrainingRate::fastest() const { return std::ranges::max(rates_); }

}  // namespace clew::bench
