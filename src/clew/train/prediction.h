// SPDX-License-Identifier: Apache-2.0
// Predictions of a trained network for picture files, videos and cameras.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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
  std::string
      mask{};  // PNG file of the class of each pixel; empty of systems that classify no pixels
};

struct PredictOptions {
  bool wants_pictures = false, wants_features = false;
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
  /// Prediction, without its name, for group() pictures [H,W,1] or [H,W,3]. clew::Error.
  virtual Prediction predict(std::span<const image::Image> pictures) = 0;
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
