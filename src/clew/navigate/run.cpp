// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <optional>
#include <system_error>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/maze/level_text.h"
#include "clew/nn/safetensors.h"
#include "clew/train/metrics.h"
#include "clew/train/tensorboard.h"

namespace clew::navigate {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kConfigMax = 1 << 20, kCheckpointMax = std::uint64_t{1} << 34;
constexpr std::size_t kCheckpointsKept = 2;
constexpr const char* kLevelFile = "level.toml";

std::string utc_now(const char* format) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

fs::path checkpoint_path(const fs::path& run, std::int64_t steps) {
  auto digits = std::to_string(steps);
  if (digits.size() < 12) digits.insert(0, 12 - digits.size(), '0');
  return run / "checkpoints" / ("step_" + digits + ".safetensors");
}

/// Oldest first: the names sort by step.
std::vector<fs::path> checkpoint_files(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(run / "checkpoints", error)) {
    if (item.path().extension() == ".safetensors") files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void save_checkpoint(const fs::path& run, const Trainer& trainer) {
  write_file_atomic(checkpoint_path(run, trainer.steps()),
                    std::span<const std::byte>(trainer.checkpoint()));
  auto files = checkpoint_files(run);
  for (std::size_t i = 0; i + kCheckpointsKept < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i], ignored);
  }
}

std::vector<train::Metric> metrics_of(const Progress& progress) {
  const auto& stats = progress.stats;
  return {{"frames", static_cast<double>(stats.frames)},
          {"seconds", progress.seconds},
          {"steps_per_second", progress.steps_per_second},
          {"episodes", static_cast<double>(stats.episodes)},
          {"score", stats.score},
          {"goals", stats.goals},
          {"loss_policy", stats.loss_policy},
          {"loss_value", stats.loss_value},
          {"entropy", stats.entropy},
          {"loss_depth1", stats.loss_depth1},
          {"loss_depth2", stats.loss_depth2},
          {"loss_loop", stats.loss_loop},
          {"depth1_accuracy", stats.depth1_accuracy},
          {"depth2_accuracy", stats.depth2_accuracy},
          {"loop_accuracy", stats.loop_accuracy},
          {"grad_norm", stats.grad_norm},
          {"lr", stats.lr}};
}

void write_log(const fs::path& run, const std::string& line) {
  std::ofstream(run / "log.txt", std::ios::app) << utc_now("%Y-%m-%dT%H:%M:%SZ ") << line << '\n';
}

void note(const fs::path& run, const std::string& line) {
  write_log(run, line);
  log(LogLevel::kInfo, line);
}

bool is_builtin_level(const std::string& name) {
  const auto names = maze::builtin_level_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Held while a run is trained. The system lets go of it when the process ends, however it ends.
class RunLock {
 public:
  explicit RunLock(const fs::path& run)
      : file_(::open((run / "config.toml").c_str(), O_RDONLY | O_CLOEXEC)) {
    const bool is_taken =
        file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (is_taken) ::close(file_);
    CLEW_CHECK(!is_taken, "another process is training in ", run.string());
  }
  ~RunLock() {
    if (file_ >= 0) ::close(file_);
  }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int file_;  // -1 where the file cannot be opened; what follows says so better
};

/// What a killed writer left half-written.
void remove_parts(const fs::path& run) {
  std::error_code error;
  for (const auto& item : fs::directory_iterator(run / "checkpoints", error)) {
    std::error_code ignored;
    if (item.path().extension() == ".part") fs::remove(item.path(), ignored);
  }
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

void check_config(const NavigateConfig& config) {
  (void)maze::load_level(config.level);
  (void)agent_options(config);
  const auto& train = config.train;
  if (train.worlds < train.workers) {
    throw UsageError(concat("train.worlds must be at least train.workers (", train.workers,
                            "), got ", train.worlds));
  }
}

fs::path create_run(const fs::path& root, const std::string& recipe, const NavigateConfig& config,
                    const std::string& about) {
  const auto parent = root / recipe;
  make_folders(parent);
  const auto name = utc_now("%Y-%m-%d_%H-%M-%S");
  auto run = parent / name;
  std::error_code error;
  for (int copy = 2; !fs::create_directory(run, error); ++copy) {
    CLEW_CHECK(!error, "cannot make the run folder ", run.string(), ": ", error.message());
    run = parent / concat(name, "_", copy);
  }
  make_folders(run / "checkpoints");
  NavigateConfig written = config;
  if (!is_builtin_level(config.level)) {
    write_file_atomic(run / kLevelFile, read_file(config.level, kConfigMax));
    written.level = kLevelFile;
  }
  std::string text;
  for (std::size_t begin = 0; begin < about.size();) {
    const auto end = std::min(about.find('\n', begin), about.size());
    text += "# " + about.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  write_file_atomic(run / "config.toml", text + dump_toml(written));
  return run;
}

NavigateConfig read_run(const fs::path& run) {
  const auto path = run / "config.toml";
  CLEW_CHECK(fs::is_regular_file(path), run.string(),
             " is not a run folder: it has no config.toml");
  NavigateConfig config;
  load(config, parse_toml(read_file(path, kConfigMax), path.string()));
  // The path of a level in a config file is one from the file's own folder.
  if (!is_builtin_level(config.level) && fs::exists(run / config.level))
    config.level = (run / config.level).string();
  return config;
}

Checkpoint newest_checkpoint(const fs::path& run) {
  auto files = checkpoint_files(run);
  std::string damage;
  for (auto path = files.rbegin(); path != files.rend(); ++path) {
    try {
      Checkpoint checkpoint{*path, read_file(*path, kCheckpointMax)};
      (void)nn::parse_safetensors(as_bytes(checkpoint.bytes), path->string());
      return checkpoint;
    } catch (const Error& error) {
      damage = error.what();
      log(LogLevel::kWarning, concat("skipped a damaged checkpoint: ", damage));
    }
  }
  throw Error(
      concat(run.string(), " has no usable checkpoint", damage.empty() ? "" : ": " + damage));
}

RunEnd train_run(const fs::path& run, bool is_resumed, const RunCallbacks& callbacks) {
  const NavigateConfig config = read_run(run);
  const RunLock lock(run);
  const auto level = std::make_shared<const maze::Level>(maze::load_level(config.level));
  Trainer trainer(config, level);
  double seconds_before = 0;
  std::optional<std::int64_t> resumed_at;
  remove_parts(run);
  const bool has_checkpoint = !checkpoint_files(run).empty();
  CLEW_CHECK(is_resumed || !has_checkpoint, run.string(),
             " already has checkpoints; add --resume to go on from them");
  if (has_checkpoint) {
    const auto checkpoint = newest_checkpoint(run);
    trainer.restore(as_bytes(checkpoint.bytes), checkpoint.path.string());
    resumed_at = trainer.steps();
  }
  train::MetricsWriter metrics(run / "metrics.jsonl", trainer.steps());
  if (is_resumed) {
    const auto lines = train::read_metrics(run / "metrics.jsonl");
    if (!lines.empty()) seconds_before = lines.back().get("seconds").value_or(0);
  }
  train::EventWriter events(run, unix_seconds(), resumed_at);
  note(run, concat(is_resumed ? "resumed at step " : "started at step ", trainer.steps(), " of ",
                   config.train.steps));

  const auto started = Clock::now();
  auto logged_at = started, saved_at = started;
  std::int64_t logged_steps = trainer.steps();
  const auto since = [](Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
  };
  const auto log_now = [&] {
    Progress progress{.stats = trainer.take_stats(), .seconds = seconds_before + since(started)};
    const double elapsed = since(logged_at);
    progress.steps_per_second =
        static_cast<double>(trainer.steps() - logged_steps) / std::max(elapsed, 1e-9);
    progress.seconds_left =
        std::max(0.0, static_cast<double>(config.train.steps - trainer.steps()) /
                          std::max(progress.steps_per_second, 1e-9));
    metrics.append(trainer.steps(), metrics_of(progress));
    events.append(trainer.steps(), unix_seconds(), metrics_of(progress));
    logged_at = Clock::now();
    logged_steps = trainer.steps();
    if (callbacks.on_log) callbacks.on_log(progress);
  };
  const auto save_now = [&] {
    metrics.sync();
    save_checkpoint(run, trainer);
    saved_at = Clock::now();
  };

  if (!has_checkpoint)
    save_now();  // that of step 0: a disk that is full or read-only shows at once
  RunEnd end = RunEnd::kFinished;
  bool is_saved = true;
  while (!trainer.is_finished()) {
    const auto before = trainer.steps();
    try {
      trainer.update();
    } catch (const Error& error) {
      write_log(run, error.what());
      throw;
    }
    is_saved = false;
    // Lines stand where the step count passes a multiple of log_steps, so a resumed run writes the
    // same ones.
    if (trainer.steps() / config.train.log_steps != before / config.train.log_steps ||
        trainer.is_finished())
      log_now();
    if (callbacks.on_update) {
      const double rate =
          static_cast<double>(trainer.steps() - logged_steps) / std::max(since(logged_at), 1e-9);
      callbacks.on_update(
          trainer.steps(), rate,
          static_cast<double>(config.train.steps - trainer.steps()) / std::max(rate, 1e-9));
    }
    if (since(saved_at) >= config.train.checkpoint_seconds) {
      save_now();
      is_saved = true;
    }
    if (callbacks.should_stop && callbacks.should_stop() && !trainer.is_finished()) {
      end = RunEnd::kStopped;
      break;
    }
  }
  if (!is_saved) save_now();
  note(run, concat(end == RunEnd::kFinished ? "finished at step " : "stopped at step ",
                   trainer.steps()));
  return end;
}

}  // namespace clew::navigate
