// SPDX-License-Identifier: Apache-2.0
#include "training_rate.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace clew::bench {

using Clock = std::chrono::steady_clock;

namespace {

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  const auto half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

TrainingRate::TrainingRate(std::function<void()> update, std::function<std::int64_t()> done,
                           std::function<double()> peak)
    : update_(std::move(update)), done_(std::move(done)), peak_(std::move(peak)) {}

void TrainingRate::warm_up(int updates) {
  for (int i = 0; i < updates; ++i) update_();
}

void TrainingRate::measure(int chunks, double seconds) {
  peaks_.push_back(peak_());
  for (int i = 0; i < chunks; ++i) {
    const auto start = Clock::now();
    const auto before = done_();
    double spent = 0;
    do {
      update_();
      spent = std::chrono::duration<double>(Clock::now() - start).count();
    } while (spent < seconds);
    rates_.push_back(static_cast<double>(done_() - before) / spent);
    peaks_.push_back(peak_());
    over_peak_.push_back(2 * rates_.back() / (peaks_[peaks_.size() - 2] + peaks_.back()));
  }
}

double TrainingRate::median() const { return median_of(rates_); }
double TrainingRate::slowest() const { return std::ranges::min(rates_); }
double TrainingRate::fastest() const { return std::ranges::max(rates_); }
double TrainingRate::median_peak() const { return median_of(peaks_); }
double TrainingRate::median_over_peak() const { return median_of(over_peak_); }

}  // namespace clew::bench
