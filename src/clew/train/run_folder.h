// SPDX-License-Identifier: Apache-2.0
// Checkpoints in a run folder, and the settings that a resumed run must share with them. Folder:
// runs/folder.h; training loop: loop.h.
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

/// Collective runs::read_config: only rank 0 needs the folder.
std::string read_run_config(const std::filesystem::path& run, Processes* processes);

struct Checkpoint {
  std::filesystem::path path;
  std::string bytes;
  std::optional<std::int64_t> steps{};  // at which it was made; absent in old checkpoints
  std::string frozen{};                 // container of frozen weights; empty without any
};
/// Writes checkpoints/frozen.safetensors atomically: frozen weights, stored once in a run.
/// Checkpoints with frozen_mark(bytes) as "clew.frozen" in their metadata are read together with
/// it.
void save_frozen(const std::filesystem::path& run, std::span<const std::byte> bytes);
std::string frozen_mark(std::span<const std::byte> bytes);
/// Writes step_<steps>.safetensors atomically and removes all but the last two.
void save_checkpoint(const std::filesystem::path& run, std::int64_t steps,
                     std::span<const std::byte> bytes);
/// Writes best.safetensors atomically.
void save_best(const std::filesystem::path& run, std::span<const std::byte> bytes);
bool has_checkpoints(const std::filesystem::path& run);
/// A trained run without step_*.safetensors (checkpoints lost, and starting over would overwrite
/// the rest): clew::Error.
void check_untrained(const std::filesystem::path& run);
/// Newest readable checkpoint; damaged ones are skipped with a warning to the log. None:
/// clew::Error naming the folder.
Checkpoint newest_checkpoint(const std::filesystem::path& run);
/// best.safetensors, or the newest checkpoint without it.
Checkpoint best_checkpoint(const std::filesystem::path& run);
/// Age of evaluated weights, for eval.json.
struct WeightsAge {
  std::optional<std::int64_t> step;      // of the weights
  std::optional<std::int64_t> run_step;  // of the run's newest checkpoint
};
WeightsAge weights_age(const std::filesystem::path& run, const Checkpoint& checkpoint);
/// Tensors of a checkpoint, as views into `bytes`. Another "clew.format" in its metadata than
/// `format`: clew::Error beginning with `name`.
nn::TensorFile parse_checkpoint(std::span<const std::byte> bytes, const std::string& name,
                                const std::string& format);
/// Everything that determines a run's bytes.
struct RunSettings {
  std::string config;  // text
  int processes = 1;
};
/// Settings other than those of the checkpoint: clew::Error naming `file`, the keys and both
/// values. `rules`: keys that may differ (resume_rules).
void check_settings(const std::filesystem::path& file, const RunSettings& then,
                    const RunSettings& now, const std::map<std::string, Resume>& rules);

}  // namespace clew::train
