// SPDX-License-Identifier: Apache-2.0
// Reading distorted digits as a system that learns from examples: recipes/warp.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/train/learning_system.h"
#include "clew/warp/config.h"

namespace clew::warp {

class DigitSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "warp"; }
  std::unique_ptr<train::LearningConfig> make_config() const override {
    return std::make_unique<WarpConfig>();
  }
  /// data.source becomes where the digits really come from.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  std::string progress_text(const train::MetricsLine& line) const override;
  /// Draws what the transformers do with the first digits of the validation set, at the start,
  /// where is_pictured (gallery.h) says so and at the end, with the weights that are evaluated, and
  /// RUN/gallery.json anew.
  std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& run, const train::Task& task,
      train::Supervised& learner) const override;
  /// Errors, confusion and the worst mistakes; pictures of these and of the transformers over the
  /// training (also as a video, warps.avi).
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;
  std::vector<std::string> export_formats() const override {
    return {"safetensors", "pth", "torchscript", "onnx"};
  }
  /// images [B,C,S,S] f32 in [0,1] -> logits [B,classes] f32 (raw).
  train::ExportPlan export_plan(const train::LearningConfig& config,
                                torch::nn::Module& network) const override;
};

/// What a network read in one image.
struct Reading {
  std::string name;  // of the file, or of both: "a.png + b.png"
  std::vector<std::string> classes;
  std::vector<double> probabilities;  // [classes]
  std::size_t best = 0;
  bool is_inverted =
      false;               // its ground is light, where networks have learnt light digits on black
  std::string error = {};  // of a file that cannot be read; then nothing was
};
/// Image files of white digits on black, brought to grey and to the network's size, through a run's
/// best weights. Transparent ones are on the ground of the run's data.background. A network with two
/// channels (addition) takes them in pairs: an odd number is a UsageError. `on_progress` is told how many images are read.
std::vector<Reading> read_digits(const std::filesystem::path& run,
                                 const std::vector<std::filesystem::path>& images,
                                 const std::function<void(std::int64_t)>& on_progress = {});

}  // namespace clew::warp
