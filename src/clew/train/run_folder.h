// SPDX-License-Identifier: Apache-2.0
// The folder of one training run: its config, its checkpoints, its log, and who may write to it.
// What is trained and how is in loop.h; what the config means is the room's.
//
//   RUN/config.toml            the resolved recipe; `clew train --config RUN/config.toml` repeats the run
//   RUN/metrics.jsonl          a line every train.log_steps (metrics.h)
//   RUN/events.out.tfevents.*  the same for TensorBoard
//   RUN/checkpoints/           step_<steps>.safetensors, the last two; best.safetensors and frozen.safetensors where there are such
//   RUN/log.txt                what happened when, for people
//   RUN/eval.json …            written by `clew eval`;  RUN/report.html by `clew report`
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "clew/core/files.h"
#include "clew/nn/safetensors.h"

namespace clew::train {

class Processes;  // processes.h

/// Makes root/recipe/<UTC time>/checkpoints and returns root/recipe/<UTC time>.
std::filesystem::path create_run_folder(const std::filesystem::path& root,
                                        const std::string& recipe);
/// Writes config.toml: `about` (version, revision, machine) as comment lines, then the config.
void write_run_config(const std::filesystem::path& run, std::string_view about,
                      std::string_view config_toml);
/// The text of config.toml; clew::Error when `run` is not a run folder. Of several processes, all
/// call this and only the first needs to have the folder.
std::string read_run_config(const std::filesystem::path& run, Processes* processes = nullptr);
/// The same without the comment lines at its head: what a checkpoint remembers.
std::string config_without_head(std::string_view text);

/// `steps` in twelve digits, so that names sort by step.
std::string step_digits(std::int64_t steps);

struct Checkpoint {
  std::filesystem::path path;
  std::string bytes;
  std::optional<std::int64_t> steps{};  // at which it was made; older versions did not say
  std::string frozen{};                 // the weights that never change, where there are any
};
/// Writes checkpoints/frozen.safetensors atomically: weights that stand once in a run. Checkpoints
/// with frozen_mark(bytes) as "clew.frozen" in their metadata are read together with it.
void save_frozen(const std::filesystem::path& run, std::span<const std::byte> bytes);
std::string frozen_mark(std::span<const std::byte> bytes);
/// Writes step_<steps>.safetensors atomically and removes all but the last two.
void save_checkpoint(const std::filesystem::path& run, std::int64_t steps,
                     std::span<const std::byte> bytes);
/// Writes best.safetensors atomically.
void save_best(const std::filesystem::path& run, std::span<const std::byte> bytes);
bool has_checkpoints(const std::filesystem::path& run);
/// Refuses a run without step_*.safetensors that has been trained all the same: its checkpoints are
/// lost, and to start over would overwrite what is left.
void check_untrained(const std::filesystem::path& run);
/// The newest checkpoint that reads without error; clew::Error naming the folder when there is
/// none. Damaged ones are skipped with a warning to the log.
Checkpoint newest_checkpoint(const std::filesystem::path& run);
/// best.safetensors, or the newest checkpoint where there is none.
Checkpoint best_checkpoint(const std::filesystem::path& run);
/// When the weights that an evaluation looks at were made, for eval.json.
struct WeightsAge {
  std::optional<std::int64_t> step;      // of the weights
  std::optional<std::int64_t> run_step;  // how far the run was: that of its newest checkpoint
};
WeightsAge weights_age(const std::filesystem::path& run, const Checkpoint& checkpoint);
/// The parts of a checkpoint, as views into `bytes`; clew::Error beginning with `name` unless its
/// metadata has `format` as "clew.format".
nn::TensorFile parse_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                const std::string& format);
/// What decides a run's bytes: the text of its config, and the number of processes that train it.
struct RunSettings {
  std::string config;
  int processes = 1;
};
/// Refuses to go on with other settings than those a checkpoint was made with: clew::Error naming
/// `file`, the keys and both values. What may differ: docs/training.md.
void check_settings(const std::filesystem::path& file, const RunSettings& then,
                    const RunSettings& now);
/// Removes what killed writers left half-written, anywhere in the folder.
void remove_parts(const std::filesystem::path& run);

/// Adds a line with the time to RUN/log.txt.
void write_log(const std::filesystem::path& run, const std::string& line);

/// Held while a run is trained; a second holder gets clew::Error. It is the folder's lock, so files in
/// it may be replaced.
class RunLock {
 public:
  explicit RunLock(const std::filesystem::path& run);

 private:
  PathLock lock_;
};

}  // namespace clew::train
