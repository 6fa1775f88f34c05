// SPDX-License-Identifier: Apache-2.0
#include "learning.h"

#include <torch/types.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/core/text.h"
#include "clew/data/npy.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"
#include "clew/image/video.h"
#include "clew/train/supervised_run.h"
#include "terminal.h"
#include "training.h"

namespace clew::app {

namespace {

/// Writes FOLDER/a.png for a prediction of a.jpg, and FOLDER/b.avi for those of the frames of b.mp4; a second one of that
/// name is a_2.png.
class PictureFolder {
 public:
  explicit PictureFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
    if (!folder_.empty()) make_folders(folder_);
  }

  /// Writes the picture, if there is one, and drops it.
  void add(train::Prediction& prediction) {
    const auto picture = std::exchange(prediction.picture, {});
    if (!picture.pixels.empty())
      image::write(folder_ / file_name(prediction.name, ".png"), picture);
  }
  void begin_video(const std::filesystem::path& path, double fps) {
    video_.reset();  // of a video that ended in an error
    name_ = path.string();
    fps_ = fps > 0 ? std::clamp(fps, 1.0, 240.0) : 25;
  }
  void add_frame(train::Prediction& prediction) {
    auto picture = std::exchange(prediction.picture, {});
    if (picture.pixels.empty()) return;
    // Videos have even sides.
    picture =
        image::crop(picture, {.width = picture.width / 2 * 2, .height = picture.height / 2 * 2});
    if (!video_)
      video_ = std::make_unique<image::VideoWriter>(folder_ / file_name(name_, ".avi"),
                                                    picture.width, picture.height, fps_);
    video_->write(picture);
  }
  void end_video() {
    if (video_) video_->close();
    video_.reset();
  }

 private:
  std::string file_name(const std::filesystem::path& name, const char* ending) {
    const auto stem = name.stem().string();
    const int time = ++times_[stem + ending];
    return concat(stem, time == 1 ? "" : concat("_", time), ending);
  }

  std::filesystem::path folder_;
  std::map<std::string, int> times_;
  std::string name_;
  double fps_ = 25;
  std::unique_ptr<image::VideoWriter> video_;
};

/// Writes one row per readable picture, in the order of the predictions.
void write_features(const std::vector<train::Prediction>& answers,
                    const std::filesystem::path& file) {
  std::vector<torch::Tensor> rows;
  for (const auto& answer : answers)
    if (answer.features.defined()) rows.push_back(answer.features);
  CLEW_CHECK(!rows.empty(), "no picture could be read, so ", file.string(), " is not written");
  data::write_npy(file, torch::stack(rows));
}

/// Predictions of a run's network, one per line or as JSON; warnings and errors to the log.
Prediction predict(const train::LearningSystem& system, const PredictRequest& request) {
  const auto formats = system.prediction_formats();
  if (!request.format.empty() && std::ranges::find(formats, request.format) == formats.end())
    throw UsageError(concat("--write must name a format that a run of ", system.name(),
                            " has: ", formats.empty() ? "none" : join(formats), ", got '",
                            request.format, "'", did_you_mean(request.format, formats)));
  const auto predictor = train::open_predictor(system, request.run,
                                               {.wants_pictures = !request.pictures.empty(),
                                                .wants_features = !request.features.empty(),
                                                .format = request.format});
  std::unique_ptr<train::PredictionWriter> writer;
  if (!request.format.empty())
    writer = system.make_prediction_writer(*train::read_run(system, request.run), request.format,
                                           request.out);
  std::vector<std::filesystem::path> files, videos;
  for (const auto& path : request.images) (image::is_video(path) ? videos : files).push_back(path);
  std::vector<train::Prediction> answers;
  PictureFolder pictures(request.pictures);
  const auto keep = [&](train::Prediction&& prediction) {
    try {
      if (writer && prediction.error.empty()) writer->add(prediction);
    } catch (const Error& error) {
      prediction.error = error.what();
    }
    prediction.details.reset();
    answers.push_back(std::move(prediction));
  };
  CountLine progress("images");
  const auto groups = std::ssize(files);
  train::predict_files(*predictor, files, [&](train::Prediction&& prediction) {
    pictures.add(prediction);
    keep(std::move(prediction));
    progress.show(std::ssize(answers) * static_cast<std::int64_t>(predictor->group()), groups);
  });
  const InterruptWatch watch;
  for (const auto& path : videos) {
    if (watch.was_interrupted()) break;
    try {
      image::VideoReader video(path);
      pictures.begin_video(path, video.info().fps);
      const auto most =
          request.frames > 0 ? request.frames : std::numeric_limits<std::int64_t>::max();
      const auto total = video.info().frames > 0 ? std::min(most, video.info().frames)
                         : request.frames > 0    ? request.frames
                                                 : -1;
      CountLine frames("frames");
      std::int64_t done = 0;
      train::predict_video(
          *predictor, video, path, most, [&] { return !watch.was_interrupted(); },
          [&](train::Prediction&& prediction) {
            pictures.add_frame(prediction);
            keep(std::move(prediction));
            frames.show(++done, total, path.filename().string());
          });
      frames.end();
      pictures.end_video();
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      answers.push_back({.name = path.string(), .error = error.what()});
    }
  }
  progress.end();
  if (!request.features.empty()) write_features(answers, request.features);
  if (writer) writer->close();
  auto list = nlohmann::json::array();
  std::string text;
  std::vector<std::string> errors;
  std::map<std::string, std::size_t> warnings;
  for (const auto& answer : answers) {
    nlohmann::json item = {{"image", answer.name}};
    if (answer.error.empty()) {
      text += concat(answer.name, "  ", answer.text, "\n");
      item.update(nlohmann::json::parse(answer.json));
    } else {
      errors.push_back(answer.error);
      item["error"] = answer.error;
    }
    list.push_back(std::move(item));
    if (!answer.warning.empty()) ++warnings[answer.warning];
  }
  for (const auto& [warning, count] : warnings)
    log(LogLevel::kWarning, concat(count, " of ", answers.size(), " pictures: ", warning));
  if (errors.size() > 1)
    for (const auto& error : errors) log(LogLevel::kWarning, error);
  return {.text = request.is_json ? json_text(list) : text,
          .failure = errors.size() <= 1
                         ? errors.empty() ? std::string() : errors[0]
                         : concat(errors.size(), " of ", answers.size(), " pictures failed")};
}

runs::Evaluation evaluate_predictions(const train::LearningSystem& system,
                                      const ConfigTree& settings) {
  const auto config = system.make_config();
  std::string predictions, truth;
  Fields fields;
  fields("predictions", predictions, {.path = PathKind::kPath});
  fields("truth", truth, {.path = PathKind::kPath});
  config->prediction_fields(fields);
  load_fields(fields, settings);
  if (predictions.empty() || truth.empty())
    throw UsageError(concat("`clew eval ", system.name(),
                            "` needs predictions=FILE and truth=FILE, got ",
                            predictions.empty() ? "no predictions" : "no truth"));
  return system.evaluate_predictions(*config, predictions, truth);
}

/// Help table of settings; empty without any.
std::string settings_help(const train::LearningSystem& system,
                          void (train::LearningConfig::*settings)(Fields&)) {
  const auto config = system.make_config();
  Fields fields;
  (config.get()->*settings)(fields);
  return fields.list().empty() ? std::string() : help_fields(fields);
}

}  // namespace

System row_of(std::shared_ptr<const train::LearningSystem> system) {
  namespace fs = std::filesystem;
  System row;
  row.name = system->name();
  row.settings = [system](const ConfigTree& recipe) {
    const auto config = system->make_config();
    load_fields(fields_of(*config), recipe);
    return help_fields(fields_of(*config));
  };
  row.no_settings = no_settings(fields_of(*system->make_config()));
  row.create_run = [system](const fs::path& root, const Recipe& recipe, int processes) {
    return train::create_run(*system, root, recipe.name, recipe.tree, about_this_program(),
                             processes);
  };
  row.train = [system](const fs::path& run, bool is_resumed, train::Processes& processes) {
    keep_freed_memory();
    TrainingLine line(
        train::read_run(*system, run, &processes)->train.steps,
        [system](const runs::MetricsLine& metrics) { return system->progress_text(metrics); });
    return train::train_run(*system, run, is_resumed, line.callbacks(), &processes);
  };
  row.eval_settings = settings_help(*system, &train::LearningConfig::eval_fields);
  row.eval = [system](const EvalRequest& request) {
    keep_freed_memory();
    CountLine line;
    const auto evaluation = train::evaluate_run(
        *system, request.run, [&line](double share) { line.show_share(share, "evaluating"); },
        request.settings);
    line.end();
    return EvalOutput{
        .text = request.is_json ? runs::evaluation_json(evaluation.evaluation)
                                : evaluation.evaluation.summary + "\n",
        .keep = [run = request.run, evaluation] { train::write_evaluation(run, evaluation); }};
  };
  if (system->can_evaluate_predictions()) {
    row.evaluate_predictions = [system](const ConfigTree& settings) {
      return evaluate_predictions(*system, settings);
    };
    row.prediction_settings = settings_help(*system, &train::LearningConfig::prediction_fields);
  }
  row.export_run = [system](const fs::path& run, const fs::path& out) {
    train::export_run(*system, run, out);
  };
  row.formats = system->export_formats();
  row.layers = [system](const ConfigTree& recipe) {
    const auto config = system->make_config();
    load_fields(fields_of(*config), recipe);
    return system->layers(*config);
  };
  if (system->can_predict()) {
    row.predict = [system](const PredictRequest& request) { return predict(*system, request); };
  }
  return row;
}

}  // namespace clew::app
