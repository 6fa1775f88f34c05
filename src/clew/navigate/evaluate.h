// SPDX-License-Identifier: Apache-2.0
// Evaluation over whole episodes: the paper's metrics for the agent and for random and
// shortest-path baselines, and traces of a few episodes for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/maze/level.h"
#include "clew/navigate/agent.h"
#include "clew/navigate/config.h"
#include "clew/runs/evaluation.h"
#include "clew/train/run_folder.h"

namespace clew::navigate {

struct EvalOptions {
  int episodes = 100;
  std::uint64_t seed = 1'000'003;  // independent of training's
  int threads = 2;
  int traces = 3;

  void fields(Fields& v) {
    v("episodes", episodes, {.min = 1, .max = 1'000'000, .help = "episodes for each player"});
    v("seed", seed, {.help = "of the mazes and the players' choices"});
    v("threads", threads, {.min = 1, .max = 1024, .help = "worker threads"});
    v("traces", traces,
      {.min = 0, .max = 100, .help = "episodes of the agent that are recorded for the report"});
  }
};

/// Means over the episodes; absent if undefined (no goal found, no such head).
struct PlayerResult {
  std::string name;  // "agent", "random", "shortest path"
  double score_mean = 0, score_stderr = 0;
  double goals_mean = 0, goal_share = 0;  // goals per episode; share of episodes with a goal
  std::optional<double> latency_first_s,
      latency_later_s;  // game seconds to the first goal, and to later ones
  std::optional<double> depth1_accuracy, depth2_accuracy, loop_f1, loop_accuracy;  // shares in 0..1
};

/// One recorded episode; all vectors have one item per step.
struct EpisodeTrace {
  std::shared_ptr<const maze::Grid> grid;
  std::vector<maze::Thing> things;
  std::vector<float> x, y, heading, value, reward, loop_probability;
  std::vector<int> event, loop_true;
  std::vector<std::vector<int>> depth_true, depth_predicted;  // 64 classes per step, or empty
  std::vector<std::uint8_t> frames;                           // [steps,3,H,W] u8
};

struct Evaluation {
  std::string level;
  int episodes = 0;
  std::uint64_t seed = 0;
  std::vector<PlayerResult> players;  // agent first
  std::vector<EpisodeTrace> traces;
  train::WeightsAge age;
};

/// Fraction done, in [0,1], and the player's name; called from the calling thread.
using EvalProgress = std::function<void(double share, const std::string& player)>;
Evaluation evaluate(const NavigateConfig& config, const std::shared_ptr<const maze::Level>& level,
                    Agent agent, const EvalOptions& options, const EvalProgress& on_progress = {});

/// eval.json: the agent's measures, a table of the players, and in `details` level, episodes, seed
/// and players; absent numbers are null.
runs::Evaluation run_evaluation(const Evaluation& evaluation);
/// Writes RUN/eval.json, RUN/trace.json and its frame sheets.
void write_evaluation(const std::filesystem::path& run, const NavigateConfig& config,
                      const Evaluation& evaluation);

}  // namespace clew::navigate
