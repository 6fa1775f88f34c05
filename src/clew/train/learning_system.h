// SPDX-License-Identifier: Apache-2.0
// What a system that learns from examples has of its own. What all of them share, from run folder to
// evaluation, is in supervised_run.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/image/image.h"
#include "clew/nn/export/export.h"
#include "clew/ops/tensor.h"
#include "clew/runs/about.h"
#include "clew/runs/evaluation.h"
#include "clew/runs/metrics.h"
#include "clew/train/run_folder.h"
#include "clew/train/start.h"
#include "clew/train/supervised.h"
#include "clew/train/task.h"

namespace clew::train {

/// What every recipe of such a system can say; a system adds its own keys in `fields`.
struct LearningConfig {
  virtual ~LearningConfig() = default;
  virtual void fields(Fields& v) = 0;

  std::uint64_t seed = 1;
  StartConfig start;
  SupervisedOptions train;
};

/// An evaluation, and what writes its pictures into the run folder.
struct RunEvaluation {
  runs::Evaluation evaluation;
  std::function<void()> write_pictures{};
};

/// The answer of a network to one picture, or to a group of them that it takes together.
struct Prediction {
  std::string name;     // of the file, or of all: "a.png + b.png"
  std::string text{};   // a line for people, without the name
  std::string json{};   // a JSON object, without the name
  std::string error{};  // why there is no answer; else empty
  // What is odd about the picture; of several that are alike it is said once.
  std::string warning{};
  image::Image picture{};    // with the answer drawn on it, where PredictOptions asks for it
  torch::Tensor features{};  // [F] f32, where PredictOptions asks for them
};

struct PredictOptions {
  bool wants_pictures = false, wants_features = false;
  std::function<void(std::int64_t done)> on_progress{};  // how many files are done
};

/// How a trained network is exported.
struct ExportPlan {
  nn::ForwardFunction forward;
  nn::OnnxOptions options;
};

class LearningSystem {
 public:
  virtual ~LearningSystem() = default;
  LearningSystem() = default;
  LearningSystem(const LearningSystem&) = delete;
  LearningSystem& operator=(const LearningSystem&) = delete;

  virtual std::string name() const = 0;
  virtual std::unique_ptr<LearningConfig> make_config() const = 0;
  /// Makes `config` say what it comes to here, such as where data were found,
  /// before it is written into a run folder (with absolute paths). What cannot be: clew::Error or UsageError.
  /// What a person should know of it goes to the log and to RUN/log.txt, a line each.
  virtual std::vector<std::string> resolve(LearningConfig& /*config*/) const { return {}; }
  /// A network with new weights; needs no data.
  virtual std::shared_ptr<torch::nn::Module> make_network(const LearningConfig& config) const = 0;
  virtual std::unique_ptr<Task> make_task(const LearningConfig& config) const = 0;
  /// Sets weights with which the network of a new run begins, before those of `start`, such as
  /// another run's. Needs no more than the config says.
  virtual void begin(torch::nn::Module& /*network*/, const LearningConfig& /*config*/) const {}

  /// What is shown of a line of metrics while it trains.
  virtual std::string progress_text(const runs::MetricsLine& line) const;
  /// Called before training, in the process that writes the run: what draws pictures into the run
  /// folder after `steps` steps, when it likes; `is_last` after the last one. `learner` gives that of the
  /// phase that is trained. None: no pictures.
  virtual std::function<void(std::int64_t steps, bool is_last)> make_drawer(
      const std::filesystem::path& /*run*/, const Task& /*task*/,
      const std::function<Supervised&()>& /*learner*/) const {
    return {};
  }
  /// The checkpoint that is evaluated, exported and asked.
  virtual Checkpoint choose_checkpoint(const std::filesystem::path& run) const {
    return best_checkpoint(run);
  }
  /// Title, notes and plots of a run.
  virtual runs::RunAbout about(const LearningConfig& config, const Task& task) const;
  /// Summary, pictures and details of an evaluation: `evaluator` has seen the whole test set, `network`
  /// is what it judged. evaluate_run adds system, steps, measures, the evaluator's tables and curves,
  /// and a summary where there is none.
  virtual RunEvaluation describe(const std::filesystem::path& /*run*/,
                                 const LearningConfig& /*config*/, const Task& /*task*/,
                                 const Evaluator& /*evaluator*/,
                                 torch::nn::Module& /*network*/) const {
    return {};
  }
  /// Support of `judge`.
  virtual bool can_judge() const { return false; }
  /// Evaluation of what another program, or `clew predict --json`, said: files of answers and of the truth, in the
  /// system's own forms. What they cannot be: clew::Error.
  virtual runs::Evaluation judge(const std::filesystem::path& predictions,
                                 const std::filesystem::path& truth) const;
  /// Support of `predict`.
  virtual bool can_predict() const { return false; }
  /// Support of Prediction::picture, and of Prediction::features.
  virtual bool can_draw() const { return false; }
  virtual bool has_features() const { return false; }
  /// The answers of `network` to picture files, in their order. A file that cannot be read is an answer with
  /// an error.
  virtual std::vector<Prediction> predict(torch::nn::Module& network, const LearningConfig& config,
                                          const std::vector<std::filesystem::path>& images,
                                          const PredictOptions& options) const;
  /// The formats that its networks can be written in.
  virtual std::vector<nn::ExportFormat> export_formats() const { return {}; }
  /// How `network` is exported; asked where export_formats() names something.
  virtual ExportPlan export_plan(const LearningConfig& /*config*/,
                                 torch::nn::Module& /*network*/) const {
    return {};
  }
};

}  // namespace clew::train
