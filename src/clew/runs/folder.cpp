// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/folder.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <system_error>

#include "clew/core/error.h"

namespace clew::runs {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kConfigMax = 1 << 20;

std::string utc_now(const char* format) {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, format, &parts);
  return text;
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

std::string read_config(const fs::path& run) {
  const auto path = run / "config.toml";
  CLEW_CHECK(path_exists(path), run.string(), " is not a run folder: it has no config.toml");
  return read_text(path, kConfigMax);
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

void remove_parts(const fs::path& run) {
  std::error_code error;
  for (fs::recursive_directory_iterator item(run, error), end; !error && item != end;
       item.increment(error)) {
    std::error_code ignored;
    if (item->path().extension() != ".part" || !item->is_regular_file(ignored)) continue;
    // Locked by an active writer, such as `clew eval`.
    if (PathLock(item->path()).is_taken()) continue;
    fs::remove(item->path(), ignored);
  }
}

void write_log(const fs::path& run, const std::string& line) {
  std::ofstream(run / "log.txt", std::ios::app) << utc_now("%Y-%m-%dT%H:%M:%SZ ") << line << '\n';
}

RunLock::RunLock(const fs::path& run) : lock_(run) {
  CLEW_CHECK(!lock_.is_taken(), "another process is training in ", run.string());
}

}  // namespace clew::runs
