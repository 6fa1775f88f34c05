// SPDX-License-Identifier: Apache-2.0
#include "clew/train/run_folder.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <system_error>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/nn/tensors.h"
#include "clew/train/processes.h"

namespace clew::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kConfigMax = 1 << 20, kCheckpointMax = std::uint64_t{1} << 34;
constexpr std::size_t kCheckpointsKept = 2;

std::string utc_now(const char* format) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  return text;
}

fs::path best_path(const fs::path& run) { return run / "checkpoints" / "best.safetensors"; }

/// Oldest first: the names sort by step.
std::vector<fs::path> checkpoint_files(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(run / "checkpoints", error)) {
    const auto name = item.path().filename().string();
    if (name.starts_with("step_") && name.ends_with(".safetensors")) files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Checkpoint read_checkpoint(const fs::path& path) {
  Checkpoint checkpoint{path, read_file(path, kCheckpointMax)};
  (void)nn::parse_safetensors(std::as_bytes(std::span(checkpoint.bytes)), path.string());
  return checkpoint;
}

}  // namespace

fs::path create_run_folder(const fs::path& root, const std::string& recipe) {
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
  return run;
}

void write_run_config(const fs::path& run, std::string_view about, std::string_view config_toml) {
  std::string text;
  for (std::size_t begin = 0; begin < about.size();) {
    const auto end = std::min(about.find('\n', begin), about.size());
    text.append("# ").append(about.substr(begin, end - begin)).append("\n");
    begin = end + 1;
  }
  write_file_atomic(run / "config.toml", text.append(config_toml));
}

std::string read_run_config(const fs::path& run, Processes* processes) {
  if (processes != nullptr) return processes->from_first([&] { return read_run_config(run); });
  const auto path = run / "config.toml";
  CLEW_CHECK(fs::is_regular_file(path), run.string(),
             " is not a run folder: it has no config.toml");
  return read_file(path, kConfigMax);
}

std::string config_without_head(std::string_view text) {
  while (text.starts_with('#')) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return std::string(text);
}

std::string step_digits(std::int64_t steps) {
  auto digits = std::to_string(steps);
  if (digits.size() < 12) digits.insert(0, 12 - digits.size(), '0');
  return digits;
}

void save_checkpoint(const fs::path& run, std::int64_t steps, std::span<const std::byte> bytes) {
  write_file_atomic(run / "checkpoints" / ("step_" + step_digits(steps) + ".safetensors"), bytes);
  auto files = checkpoint_files(run);
  for (std::size_t i = 0; i + kCheckpointsKept < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i], ignored);
  }
}

void save_best(const fs::path& run, std::span<const std::byte> bytes) {
  write_file_atomic(best_path(run), bytes);
}

bool has_checkpoints(const fs::path& run) { return !checkpoint_files(run).empty(); }

Checkpoint newest_checkpoint(const fs::path& run) {
  auto files = checkpoint_files(run);
  std::string damage;
  for (auto path = files.rbegin(); path != files.rend(); ++path) {
    try {
      return read_checkpoint(*path);
    } catch (const Error& error) {
      damage = error.what();
      log(LogLevel::kWarning, concat("skipped a damaged checkpoint: ", damage));
    }
  }
  throw Error(
      concat(run.string(), " has no usable checkpoint", damage.empty() ? "" : ": " + damage));
}

Checkpoint best_checkpoint(const fs::path& run) {
  return fs::exists(best_path(run)) ? read_checkpoint(best_path(run)) : newest_checkpoint(run);
}

nn::TensorFile parse_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                const std::string& format) {
  auto file = nn::parse_safetensors(bytes, name);
  const auto& got = nn::read_meta(file, "clew.format", name);
  CLEW_CHECK(got == format, name, ": not a checkpoint of this version: format must be '", format,
             "', got '", got, "'");
  return file;
}

void remove_parts(const fs::path& run) {
  std::error_code error;
  for (const auto& item : fs::directory_iterator(run / "checkpoints", error)) {
    std::error_code ignored;
    if (item.path().extension() == ".part") fs::remove(item.path(), ignored);
  }
}

void write_log(const fs::path& run, const std::string& line) {
  std::ofstream(run / "log.txt", std::ios::app) << utc_now("%Y-%m-%dT%H:%M:%SZ ") << line << '\n';
}

RunLock::RunLock(const fs::path& run) : lock_(run / "config.toml") {
  CLEW_CHECK(!lock_.is_taken(), "another process is training in ", run.string());
}

}  // namespace clew::train
