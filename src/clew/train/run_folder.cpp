// SPDX-License-Identifier: Apache-2.0
#include "clew/train/run_folder.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>
#include <system_error>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/nn/tensors.h"
#include "clew/runs/metrics.h"
#include "clew/train/processes.h"

namespace clew::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kCheckpointMax = std::uint64_t{1} << 34;
constexpr std::size_t kCheckpointsKept = 2;

fs::path best_path(const fs::path& run) { return run / "checkpoints" / "best.safetensors"; }

/// By ascending step, as the names sort.
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

/// Integer value of `digits`; absent if not an integer.
std::optional<std::int64_t> whole_number(std::string_view digits) {
  std::int64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? std::optional(value) : std::nullopt;
}

constexpr const char* kFrozenFile = "frozen.safetensors";

Checkpoint read_checkpoint(const fs::path& path) {
  Checkpoint checkpoint{path, read_file(path, kCheckpointMax)};
  const auto file =
      nn::parse_safetensors(std::as_bytes(std::span(checkpoint.bytes)), path.string());
  const auto steps = file.metadata.find("clew.steps");
  if (steps != file.metadata.end()) checkpoint.steps = whole_number(steps->second);
  const auto mark = file.metadata.find("clew.frozen");
  if (mark != file.metadata.end()) {
    const auto frozen = path.parent_path() / kFrozenFile;
    checkpoint.frozen = read_file(frozen, kCheckpointMax);
    CLEW_CHECK(frozen_mark(std::as_bytes(std::span(checkpoint.frozen))) == mark->second,
               frozen.string(), ": holds other frozen weights than ", path.filename().string(),
               " was made with");
  }
  return checkpoint;
}

/// Numeric value of an entry; NaN if not a number.
double number_of(const ConfigTree::Entry* entry) {
  if (entry == nullptr || entry->values.size() != 1 || entry->is_array) return std::nan("");
  if (const auto* integer = std::get_if<std::int64_t>(&entry->values[0]))
    return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&entry->values[0]);
  return real == nullptr ? std::nan("") : *real;
}

std::string text_of(const ConfigTree::Entry* entry) {
  return entry == nullptr ? "not set" : entry->text;
}

}  // namespace

std::string read_run_config(const fs::path& run, Processes* processes) {
  return processes == nullptr ? runs::read_config(run)
                              : processes->from_first([&] { return runs::read_config(run); });
}

void save_checkpoint(const fs::path& run, std::int64_t steps, std::span<const std::byte> bytes) {
  write_file_atomic(run / "checkpoints" / ("step_" + runs::step_digits(steps) + ".safetensors"),
                    bytes);
  auto files = checkpoint_files(run);
  for (std::size_t i = 0; i + kCheckpointsKept < files.size(); ++i) {
    std::error_code ignored;
    fs::remove(files[i], ignored);
  }
}

void save_best(const fs::path& run, std::span<const std::byte> bytes) {
  write_file_atomic(best_path(run), bytes);
}

void save_frozen(const fs::path& run, std::span<const std::byte> bytes) {
  write_file_atomic(run / "checkpoints" / kFrozenFile, bytes);
}

std::string frozen_mark(std::span<const std::byte> bytes) {
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash64(bytes)));
  return text;
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
  if (!path_exists(best_path(run))) return newest_checkpoint(run);
  try {
    return read_checkpoint(best_path(run));
  } catch (const Error& error) {
    if (!has_checkpoints(run)) throw;
    throw Error(concat(error.what(),
                       "; when this file is removed, the newest checkpoint is taken instead"));
  }
}

void check_untrained(const fs::path& run) {
  const auto metrics = run / "metrics.jsonl";
  bool is_trained = path_exists(best_path(run));
  if (path_exists(metrics)) {
    const auto lines = runs::read_metrics(metrics);
    is_trained = is_trained || (!lines.empty() && lines.back().step > 0);
  }
  CLEW_CHECK(!is_trained, run.string(),
             " has been trained, but has no checkpoints/step_*.safetensors to go on from; put one "
             "back, or train anew with --config ",
             (run / "config.toml").string());
}

WeightsAge weights_age(const fs::path& run, const Checkpoint& checkpoint) {
  WeightsAge age{.step = checkpoint.steps, .run_step = {}};
  const auto files = checkpoint_files(run);
  if (!files.empty()) age.run_step = whole_number(files.back().stem().string().substr(5));
  return age;
}

void check_settings(const fs::path& file, const RunSettings& then, const RunSettings& now,
                    const std::map<std::string, Resume>& rules) {
  const auto before = parse_toml(then.config, "the checkpoint"),
             after = parse_toml(now.config, file.string());
  std::set<std::string> keys;
  for (const auto* tree : {&before, &after})
    for (const auto& entry : tree->entries) keys.insert(entry.key);
  std::string differing;
  for (const auto& key : keys) {
    const auto *was = before.find(key), *is = after.find(key);
    const double old_number = number_of(was), new_number = number_of(is);
    // "1" equals "1.0"; integers, which a double may not represent, are compared as text.
    const bool is_same =
        text_of(was) == text_of(is) ||
        (old_number == new_number && was->values[0].index() != is->values[0].index());
    const auto found = rules.find(key);
    const auto rule = found == rules.end() ? Resume::kSame : found->second;
    const bool may_differ =
        rule == Resume::kAny || (rule == Resume::kMore && new_number > old_number) ||
        (rule == Resume::kInTotal && old_number * then.processes == new_number * now.processes);
    if (is_same || may_differ) continue;
    differing +=
        concat(differing.empty() ? "" : ", ", key, " was ", text_of(was), " and is ", text_of(is));
  }
  CLEW_CHECK(differing.empty(), file.string(),
             ": the run was begun with other settings: ", differing,
             "; put them back, or train anew with --config ", file.string());
}

nn::TensorFile parse_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                const std::string& format) {
  auto file = nn::parse_safetensors(bytes, name);
  const std::string got = nn::read_meta(file, "clew.format", name);
  CLEW_CHECK(got == format, name, ": not a checkpoint of this version: format must be '", format,
             "', got '", got, "'");
  return file;
}

}  // namespace clew::train
