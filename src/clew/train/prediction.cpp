// SPDX-License-Identifier: Apache-2.0
#include "clew/train/prediction.h"

#include <torch/types.h>

#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"

namespace clew::train {

PredictionFolder::PredictionFolder(std::filesystem::path folder) : folder_(std::move(folder)) {
  make_folders(folder_);
}

std::filesystem::path PredictionFolder::path(const Prediction& prediction) {
  const std::filesystem::path name = prediction.name;
  const bool is_frame = image::is_video(name.parent_path());
  const auto folder = is_frame ? folder_ / name.parent_path().stem() : folder_;
  auto path = folder / name.stem();
  CLEW_CHECK(paths_.insert(path).second, "two predictions are named ", path.string(),
             ", the second that of '", name.string(), "'");
  if (is_frame) make_folders(folder);
  return path;
}

void predict_files(Predictor& predictor, const std::vector<std::filesystem::path>& files,
                   const OnPrediction& on_prediction) {
  const torch::NoGradGuard no_grad;
  const auto group = predictor.group();
  if (files.size() % group != 0)
    throw UsageError(concat("this network reads images in groups of ", group, ", got ",
                            files.size(), " images"));
  for (std::size_t first = 0; first < files.size(); first += group) {
    Prediction prediction;
    std::vector<image::Image> pictures;
    std::string name;
    for (std::size_t i = first; i < first + group; ++i)
      name += concat(i == first ? "" : " + ", files[i].string());
    try {
      for (std::size_t i = first; i < first + group; ++i)
        pictures.push_back(image::read(files[i], predictor.background()));
      prediction = predictor.predict(pictures);
    } catch (const Error& error) {
      prediction.error = error.what();
    }
    prediction.name = std::move(name);
    on_prediction(std::move(prediction));
  }
}

void predict_video(Predictor& predictor, image::VideoReader& video,
                   const std::filesystem::path& name, std::int64_t most,
                   const std::function<bool()>& goes_on, const OnPrediction& on_prediction) {
  const torch::NoGradGuard no_grad;
  if (predictor.group() != 1)
    throw UsageError(concat("this network reads images in groups of ", predictor.group(),
                            ", and no video, got '", name.string(), "'"));
  predictor.begin_video();
  for (std::int64_t number = 1; number <= most && goes_on(); ++number) {
    auto frame = video.next();
    if (!frame) return;
    auto prediction = predictor.predict({&*frame, 1});
    auto digits = std::to_string(number);
    digits.insert(0, digits.size() < 6 ? 6 - digits.size() : 0, '0');
    prediction.name = (name / digits).string();
    on_prediction(std::move(prediction));
  }
}

}  // namespace clew::train
