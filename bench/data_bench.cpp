// SPDX-License-Identifier: Apache-2.0
// Loader throughput on plain and distorted digits and scenes.
#include <algorithm>
#include <chrono>
#include <vector>

#include "bench.h"
#include "clew/data/digits_config.h"
#include "clew/data/loader.h"
#include "clew/data/scenes.h"

namespace clew::bench {
namespace {

/// Median and best images/s over repeats of some batches.
Json row(const std::string& kind, const std::string& source, const data::Dataset& set, int workers,
         const DataOptions& options) {
  using Clock = std::chrono::steady_clock;
  data::Loader loader(set, {.batch_size = options.batch, .threads = workers});
  const auto spent = [&](int batches) {
    const auto before = Clock::now();
    for (int i = 0; i < batches; ++i) (void)loader.next();
    return std::chrono::duration<double>(Clock::now() - before).count() / batches;
  };
  constexpr int kBatches = 10;  // more than prefetched
  spent(kBatches);              // warm-up
  std::vector<double> times;
  const auto start = Clock::now();
  while (times.size() < 5 ||
         std::chrono::duration<double>(Clock::now() - start).count() < options.seconds)
    times.push_back(spent(kBatches));
  std::ranges::sort(times);
  const auto rate = [&](double seconds) { return static_cast<double>(options.batch) / seconds; };
  return {{"set", kind},
          {"source", source},
          {"workers", workers},
          {"batch", options.batch},
          {"images_per_second", rate(times[times.size() / 2])},
          {"best_images_per_second", rate(times.front())}};
}

}  // namespace

Json data_rows(const DataOptions& options) {
  Json rows = Json::array();
  data::DigitsConfig config{.dir = options.dir};
  const std::string source(name_of(data::digits_source(config)));
  for (const auto& [kind, name] : names(data::DigitsKind{})) {
    config.kind = kind;
    const auto set = data::make_digits(config, data::Split::kTrain, {1});
    for (int workers = 0; workers <= options.workers; ++workers)
      rows.push_back(row(std::string(name), source, *set, workers, options));
  }
  const data::Scenes scenes({.is_fixed = false});
  for (int workers = 0; workers <= options.workers; ++workers)
    rows.push_back(row("scenes", "drawn", scenes, workers, options));
  return rows;
}

}  // namespace clew::bench
