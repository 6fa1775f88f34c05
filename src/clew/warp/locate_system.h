// SPDX-License-Identifier: Apache-2.0
// Co-localisation as a system that learns from examples: recipes/warp/locate.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/train/learning_system.h"
#include "clew/warp/locate.h"

namespace clew::warp {

class LocateSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "locate"; }
  std::unique_ptr<train::LearningConfig> make_config() const override {
    return std::make_unique<LocateConfig>();
  }
  /// Finds the digits, and takes the encoder's network from its run.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// The encoder gets the weights of its run, from which it never moves.
  void begin(torch::nn::Module& network, const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  /// The last one: nothing says which weights find more.
  train::Checkpoint choose_checkpoint(const std::filesystem::path& run) const override {
    return train::newest_checkpoint(run);
  }
  /// How many are found, an intersection over union above 0.5, and some of the pictures.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;
};

}  // namespace clew::warp
