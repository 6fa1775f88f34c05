// SPDX-License-Identifier: Apache-2.0
// The system "detect": config, training, evaluation and prediction of object detectors.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/train/learning_system.h"

namespace clew::detect {

class DetectSystem : public train::LearningSystem {
 public:
  std::string name() const override { return "detect"; }
  std::unique_ptr<train::LearningConfig> make_config() const override;
  /// Resolves classes and frozen stride, and alternating training to its phases.
  std::vector<std::string> resolve(train::LearningConfig& config) const override;
  std::shared_ptr<torch::nn::Module> make_network(
      const train::LearningConfig& config) const override;
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override;
  /// Weights of the backbone alone go into the detector's body; for alternating training, those of body and region
  /// proposals into both networks.
  std::vector<std::string> start_names(const train::LearningConfig& config,
                                       const std::string& name) const override;

  std::string progress_text(const runs::MetricsLine& line) const override;
  runs::RunAbout about(const train::LearningConfig& config, const train::Task& task) const override;
  /// The best proposals and the detections of validation pictures, through training.
  std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& run, const train::Task& task,
      const std::function<train::Supervised&()>& learner) const override;
  /// Worst pictures with both sets of boxes, kinds of mistakes, recall of the proposals.
  train::RunEvaluation describe(const std::filesystem::path& run,
                                const train::LearningConfig& config, const train::Task& task,
                                const train::Evaluator& evaluator,
                                torch::nn::Module& network) const override;

  bool can_evaluate_predictions() const override { return true; }
  /// Files as of read_judged_boxes.
  runs::Evaluation evaluate_predictions(const train::LearningConfig& config,
                                        const std::filesystem::path& predictions,
                                        const std::filesystem::path& truth) const override;

  /// Weights by torchvision's names, or as of detector_export.
  std::vector<nn::ExportFormat> export_formats() const override {
    using enum nn::ExportFormat;
    return {kSafetensors, kPth, kTorchscript, kOnnx};
  }
  train::ExportPlan export_plan(const train::LearningConfig& config, torch::nn::Module& network,
                                nn::ExportFormat format) const override;
  bool can_predict() const override { return true; }
  bool can_draw() const override { return true; }
  std::unique_ptr<train::Predictor> make_predictor(
      std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
      const train::PredictOptions& options) const override;
  /// "coco": a JSON file of results, by the numbers in the names of the files where all are numbers, else by their order
  /// from 1; "yolo": a folder of texts "class x y width height score", relative to the picture. Classes from 1 and 0.
  std::vector<std::string> prediction_formats() const override { return {"coco", "yolo"}; }
  std::unique_ptr<train::PredictionWriter> make_prediction_writer(
      const train::LearningConfig& config, const std::string& format,
      const std::filesystem::path& out) const override;
};

}  // namespace clew::detect
