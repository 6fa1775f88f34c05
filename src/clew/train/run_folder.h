// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a run folder, and the settings that a resumed run must share with them. The folder itself is
// runs/folder.h's, what is trained and how loop.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "clew/core/config.h"
#include "clew/nn/safetensors.h"
#include "clew/runs/folder.h"

namespace clew::train {

class Processes;  // processes.h

/// runs::read_config for several processes: all call this and only the first needs to have the folder.
std::string read_run_config(const std::filesystem::path& run, Processes* processes);

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
/// `file`, the keys and both values. What may differ: `rules` of the config (resume_rules).
void check_settings(const std::filesystem::path& file, const RunSettings& then,
                    const RunSettings& now, const std::map<std::string, Resume>& rules);

}  // namespace clew::train
