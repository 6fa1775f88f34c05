// SPDX-License-Identifier: Apache-2.0
// Predictions of a trained network for picture files, videos and cameras.
#pragma once

#include <any>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "clew/image/files.h"
#include "clew/image/image.h"
#include "clew/image/video.h"
#include "clew/ops/tensor.h"

namespace clew::train {

/// Prediction for one picture, or for a group that the network takes together.
struct Prediction {
  std::string name{};        // file name, or names, "a.png + b.png"; of a frame "a.avi/000001"
  std::string text{};        // human-readable line, without the name
  std::string json{};        // a JSON object, without the name
  std::string error{};       // reason for no prediction; else empty
  std::string warning{};     // about the picture; equal ones are printed once
  image::Image picture{};    // with the prediction drawn on it, where PredictOptions asks for it
  torch::Tensor features{};  // [F] f32, where PredictOptions asks for them
  std::any details{};        // of the system's own type, for its PredictionWriter
};

struct PredictOptions {
  bool wants_pictures = false, wants_features = false;
  std::string format{};  // of LearningSystem::make_prediction_writer; empty: none
};

/// A network that predicts, with what it needs of its config.
class Predictor {
 public:
  virtual ~Predictor() = default;
  Predictor() = default;
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;

  /// Number of pictures that make one prediction.
  virtual std::size_t group() const { return 1; }
  /// Background of transparent pictures.
  virtual image::Background background() const { return image::Background::kAuto; }
  /// Called before the frames of a video, whose Prediction::picture must have one size.
  virtual void begin_video() {}
  /// Prediction, without its name, for group() pictures [H,W,1] or [H,W,3]. clew::Error.
  virtual Prediction predict(std::span<const image::Image> pictures) = 0;
};

/// Writer of predictions in a format of other programs.
class PredictionWriter {
 public:
  virtual ~PredictionWriter() = default;
  PredictionWriter() = default;
  PredictionWriter(const PredictionWriter&) = delete;
  PredictionWriter& operator=(const PredictionWriter&) = delete;

  /// Takes the next prediction, which has no error. clew::Error.
  virtual void add(const Prediction& prediction) = 0;
  /// Called after the last. clew::Error.
  virtual void close() {}
};

/// Names of files for predictions in a folder.
class PredictionFolder {
 public:
  /// Makes the folder.
  explicit PredictionFolder(std::filesystem::path folder);
  /// FOLDER/a for the prediction of a.jpg, FOLDER/b/000001 for that of a frame of b.mp4, whose folder is made; a second one
  /// of that name: clew::Error.
  std::filesystem::path path(const Prediction& prediction);

 private:
  std::filesystem::path folder_;
  std::set<std::filesystem::path> paths_;
};

using OnPrediction = std::function<void(Prediction&&)>;

/// Predictions for picture files, in their order. An unreadable file gives a prediction with `error`. Files that make no
/// whole groups: UsageError.
void predict_files(Predictor& predictor, const std::vector<std::filesystem::path>& files,
                   const OnPrediction& on_prediction);

/// Predictions for the next frames of a video or camera, at most `most` of them, as long as `goes_on()`. A predictor of
/// groups: UsageError; what the video throws.
void predict_video(Predictor& predictor, image::VideoReader& video,
                   const std::filesystem::path& name, std::int64_t most,
                   const std::function<bool()>& goes_on, const OnPrediction& on_prediction);

}  // namespace clew::train
