// SPDX-License-Identifier: Apache-2.0
// Observations/s of maze::VectorEnv, and costs of resets, snapshots and labels, by Google
// Benchmark.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench.h"
#include "clew/core/error.h"
#include "clew/core/key.h"
#include "clew/core/pool.h"
#include "clew/maze/labels.h"
#include "clew/maze/level_text.h"
#include "clew/maze/render.h"
#include "clew/maze/signature.h"
#include "clew/maze/vector_env.h"

namespace clew::bench {
namespace {

using maze::Action;

/// Frame size, and depth image or not.
struct View {
  int width = 84, height = 84;
  bool has_depth = true;
};

/// An environment with buffers and a cyclic sequence of actions.
class Runner {
 public:
  Runner(const std::shared_ptr<const maze::Level>& level, const View& view, int worlds, int threads)
      : env_(level, {.worlds = worlds,
                     .threads = threads,
                     .render = {.width = view.width, .height = view.height}}),
        rgb_(3 * pixels(view, worlds)),
        depth_(view.has_depth ? pixels(view, worlds) : 0),
        velocity_(static_cast<std::size_t>(worlds) * 6),
        reward_(static_cast<std::size_t>(worlds)),
        is_done_(static_cast<std::size_t>(worlds)),
        is_loop_(static_cast<std::size_t>(worlds)),
        depth_class_(static_cast<std::size_t>(worlds) * 64) {
    out_.rgb = rgb_;
    if (view.has_depth) out_.depth = depth_;
    out_.velocity = velocity_;
    out_.reward = reward_;
    out_.is_done = is_done_;
    // Actions repeated for some steps, forward half of the time, so that players move around.
    for (int step = 0; step < kCircle; ++step) {
      for (int world = 0; world < worlds; ++world) {
        Stream random(fold_in(Key{1}, static_cast<std::uint64_t>(world),
                              static_cast<std::uint64_t>(step / 4)));
        const std::uint32_t action = random.below(2 * maze::kActions);
        actions_.push_back(action < maze::kActions ? static_cast<std::int32_t>(action)
                                                   : static_cast<std::int32_t>(Action::kForward));
      }
    }
    env_.reset(Key{1}, {});
    for (int step = 0; step < kCircle; ++step) step_without_output();
  }

  /// The navigator's outputs: no depth image, but depth classes and the loop label.
  void want_labels() {
    out_.depth = {};
    out_.depth_class = depth_class_;
    out_.is_loop = is_loop_;
  }
  void step() { env_.step(next_actions(), out_); }
  void step_without_output() { env_.step(next_actions(), {}); }
  maze::VectorEnv& env() { return env_; }

 private:
  static constexpr int kCircle = 256;

  static std::size_t pixels(const View& view, int worlds) {
    return static_cast<std::size_t>(view.width) * static_cast<std::size_t>(view.height) *
           static_cast<std::size_t>(worlds);
  }
  std::span<const std::int32_t> next_actions() {
    const auto worlds = static_cast<std::size_t>(env_.worlds());
    step_ = (step_ + 1) % kCircle;
    return std::span(actions_).subspan(static_cast<std::size_t>(step_) * worlds, worlds);
  }

  maze::VectorEnv env_;
  std::vector<std::uint8_t> rgb_;
  std::vector<float> depth_, velocity_, reward_;
  std::vector<std::uint8_t> is_done_, is_loop_, depth_class_;
  std::vector<std::int32_t> actions_;
  maze::StepBuffers out_;
  int step_ = 0;
};

/// Collects Google Benchmark's results: wall-clock seconds per call.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      CLEW_CHECK(run.iterations > 0, "the benchmark of the maze ran no iteration");
      seconds_.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
    }
  }
  std::vector<double>& seconds() { return seconds_; }

 private:
  std::vector<double> seconds_;
};

/// Seconds per call of `work`: median and best of several repeats.
struct Cost {
  double median = 0, best = 0;
};
Cost measure(const MazeOptions& options, const std::function<void()>& work) {
  auto* registered = benchmark::RegisterBenchmark("maze", [&work](benchmark::State& state) {
    for ([[maybe_unused]] auto turn : state) work();
  });
  registered->UseRealTime()
      ->MinTime(options.seconds / options.repeats)
      ->Repetitions(options.repeats);
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::ClearRegisteredBenchmarks();
  auto& seconds = collector.seconds();
  CLEW_CHECK(!seconds.empty(), "nothing was measured");
  std::ranges::sort(seconds);
  return {seconds[seconds.size() / 2], seconds.front()};
}

Json step_row(const char* what, const View& view, int batch, int threads, const Cost& cost) {
  return {{"what", what},
          {"threads", threads},
          {"width", view.width},
          {"height", view.height},
          {"depth", view.has_depth},
          {"batch", batch},
          {"obs_per_second", batch / cost.median},
          {"best_obs_per_second", batch / cost.best}};
}

Json cost_row(const char* what, double microseconds, double best) {
  return {{"what", what}, {"microseconds", microseconds}, {"best_microseconds", best}};
}

}  // namespace

Json maze_signature_rows() {
  Json rows = Json::array();
  for (const std::string& name : maze::builtin_level_names()) {
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx",
                  static_cast<unsigned long long>(maze::signature(
                      std::make_shared<const maze::Level>(maze::load_builtin(name)))));
    rows.push_back({{"level", name}, {"signature", hex}});
  }
  return rows;
}

Json maze_rows(const MazeOptions& options) {
  maze::use_simd_target(options.instruction_set);
  const auto level = std::make_shared<const maze::Level>(maze::load_level(options.level));
  Json rows = Json::array();
  const auto add_steps = [&](const char* what, const View& view, int batch, int threads,
                             bool is_training) {
    Runner runner(level, view, batch, threads);
    if (is_training) runner.want_labels();
    rows.push_back(step_row(what, view, batch, threads, measure(options, [&] { runner.step(); })));
  };
  std::vector<int> thread_counts = {1};
  if (options.threads > 1) thread_counts.push_back(options.threads);

  for (const int threads : thread_counts) {
    for (int batch = 1; batch <= options.largest_batch; batch *= 4)
      add_steps("step", {}, batch, threads, false);
  }
  const int batch = std::min(64, options.largest_batch);
  for (const int threads : thread_counts) {
    add_steps("step", {.has_depth = false}, batch, threads, false);
    add_steps("step, training labels", {.has_depth = false}, batch, threads, true);
    for (const auto& [width, height] : {std::pair{160, 120}, {320, 240}}) {
      for (const bool has_depth : {true, false}) {
        add_steps("step", {.width = width, .height = height, .has_depth = has_depth}, batch,
                  threads, false);
      }
    }
  }

  // Single worlds from here on, one thread. First the parts of a step without rendering.
  {
    Runner runner(level, {.has_depth = false}, batch, 1);
    const Cost cost = measure(options, [&] { runner.step_without_output(); });
    rows.push_back(
        cost_row("step without a frame", cost.median / batch * 1e6, cost.best / batch * 1e6));
  }
  {
    // The longest trail of a static level, with its end far from all of it: no early exit of the
    // scan.
    maze::Trail trail;
    for (int i = 0; i < 2700; ++i) trail.append(1 + 0.01F * static_cast<float>(i % 100), 1);
    trail.append(9, 9);
    trail.append(6, 6);
    const auto reach = maze::Trail::reach_of(1, 2);
    const Cost cost = measure(options, [&] { benchmark::DoNotOptimize(trail.is_loop(reach)); });
    rows.push_back(
        cost_row("loop label, 2700 steps, worst case", cost.median * 1e6, cost.best * 1e6));
  }
  {
    const auto random = std::make_shared<const maze::Level>(maze::load_builtin("random_large"));
    maze::VectorEnv fresh(random, {});
    std::uint64_t key = 0;
    const Cost cost = measure(options, [&] { fresh.reset(Key{++key}, {}); });
    rows.push_back(cost_row("reset with a new 15x9 maze", cost.median * 1e6, cost.best * 1e6));
  }
  {
    Runner runner(level, {}, 2, 1);
    for (int step = 0; step < 2400; ++step) runner.step_without_output();
    std::vector<std::byte> bytes;
    const Cost cost = measure(options, [&] {
      runner.env().snapshot(0, bytes);
      runner.env().restore(0, bytes);
    });
    Json row =
        cost_row("snapshot + restore, late in an episode", cost.median * 1e6, cost.best * 1e6);
    row["bytes"] = bytes.size();
    rows.push_back(row);
    const Cost fork = measure(options, [&] { runner.env().fork(0, 1); });
    rows.push_back(cost_row("fork", fork.median * 1e6, fork.best * 1e6));
  }
  {
    ThreadPool pool(options.threads);
    const Cost cost = measure(options, [&] { pool.run([](int) {}); });
    rows.push_back(
        cost_row("hand-over to the threads and back", cost.median * 1e6, cost.best * 1e6));
  }
  return rows;
}

}  // namespace clew::bench
