// SPDX-License-Identifier: Apache-2.0
// System for co-localisation: recipes/warp/locate.
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
  /// Resolves data.source, and the encoder's network from its run.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// Loads the frozen encoder's weights from its run.
  void begin(torch::nn::Module& network, const train::LearningConfig& config) const override;
  std::string progress_text(const runs::MetricsLine& line) const override;
  /// The last one: no metric without boxes selects better weights.
  train::Checkpoint choose_checkpoint(const std::filesystem::path& run) const override {
    return train::newest_checkpoint(run);
  }
  /// Share of located objects (IoU above 0.5), and some pictures.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;
};

}  // namespace clew::warp
