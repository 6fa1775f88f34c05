// SPDX-License-Identifier: Apache-2.0
// The synchronous ("batched") trainer: K workers, each with its lanes and one intra-op thread, act
// for T steps with the graph kept, learn from it, and their gradients are summed in a fixed order
// into one optimiser step. It knows no files but the bytes of a checkpoint; run folders, progress
// and signals are in run.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "clew/maze/level.h"
#include "clew/navigate/agent.h"
#include "clew/navigate/config.h"
#include "clew/train/loop.h"

namespace clew::navigate {

class Trainer : public train::Learner {
 public:
  /// Bad options: clew::Error or UsageError.
  Trainer(const NavigateConfig& config, std::shared_ptr<const maze::Level> level);
  ~Trainer() override;
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One rollout of T steps in every world and one optimiser step. Blocks. A loss that is not
  /// finite: clew::Error naming the step and the loss, with the weights as they were.
  void update() override;

  std::int64_t steps() const override;  // agent steps over all worlds
  bool is_finished() const override;    // steps() >= train.steps
  /// frames, episodes, score and goals of the episodes that ended, losses, accuracies, grad_norm,
  /// lr; NaN where nothing was measured.
  std::vector<runs::Metric> take_metrics() override;

  /// Weights under their names, optimiser, recurrent state, every lane, counters.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

AgentOptions agent_options(const NavigateConfig& config);

/// Builds the agent of a run and loads its weights from a checkpoint's bytes.
Agent load_agent(const NavigateConfig& config, std::span<const std::byte> checkpoint,
                 const std::string& name);

/// Samples an action for every row: logits [N,8] f32 on the CPU, one uniform number in [0,1) a row.
std::int32_t sample_action(const float* logits, int count, float uniform);

}  // namespace clew::navigate
