// SPDX-License-Identifier: Apache-2.0
// Synchronous (batched) actor-critic trainer: K workers, each with its lanes and one intra-op
// thread, collect rollouts of T steps with the graph kept and backpropagate; gradients are summed
// in a fixed order for one optimiser step. No files; run folders, progress and signals: run.h.
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
  /// Invalid options: clew::Error or UsageError.
  Trainer(const NavigateConfig& config, std::shared_ptr<const maze::Level> level);
  ~Trainer() override;
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One rollout of T steps in every world and one optimiser step. Blocks. A loss that is not
  /// finite: clew::Error naming the step and the loss, with the weights unchanged.
  void update() override;

  std::int64_t steps() const override;  // agent steps over all worlds
  bool is_finished() const override;    // steps() >= train.steps
  /// frames, episodes, score and goals of finished episodes, losses, accuracies, grad_norm, lr; NaN
  /// without data.
  std::vector<runs::Metric> take_metrics() override;

  /// Weights by name, optimiser state, recurrent state, every lane, counters.
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about = {}) const override;
  void restore(std::span<const std::byte> bytes, const std::string& name) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

AgentOptions agent_options(const NavigateConfig& config);

/// Agent of a run with the weights of a checkpoint.
Agent load_agent(const NavigateConfig& config, std::span<const std::byte> checkpoint,
                 const std::string& name);

/// Samples from a softmax: logits [count] f32 (raw), `uniform` in [0,1) -> index.
std::int32_t sample_action(const float* logits, int count, float uniform);

}  // namespace clew::navigate
