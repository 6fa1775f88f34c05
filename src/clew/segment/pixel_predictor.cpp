// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/pixel_predictor.h"

#include <torch/types.h>

#include <algorithm>
#include <any>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/masks.h"
#include "clew/data/image_tensor.h"
#include "clew/data/npy.h"
#include "clew/image/files.h"
#include "clew/segment/class_drawing.h"
#include "clew/segment/fused_segmentation.h"

namespace clew::segment {
namespace {

using torch::Tensor;

constexpr const char *kMasks = "masks", *kProbabilities = "probabilities";
constexpr double kNamedShare = 0.001;  // of pixels, from which a class is in the text
constexpr std::size_t kMostNamed = 5;

/// Prediction::details.
struct PixelDetails {
  Tensor classes;        // [H,W] u8
  Tensor probabilities;  // [C,H,W] f32, where they are wanted
};

/// A picture without a mask.
class PlainPicture : public data::Dataset {
 public:
  explicit PlainPicture(Tensor image) : image_(std::move(image)) {}
  std::int64_t size() const override { return 1; }
  data::Example get(std::int64_t /*index*/, const Key& /*key*/) const override {
    return {{"image", image_}};
  }
  data::Columns columns() const override { return {data::mask_columns()[0]}; }

 private:
  Tensor image_;
};

class PixelPredictor : public train::Predictor {
 public:
  PixelPredictor(const std::shared_ptr<const SegmentationNetwork>& network,
                 const SegmentConfig& config, train::PredictOptions options)
      : network_(network),
        classes_(class_names(config)),
        views_(config.data.views),
        background_(config.data.background),
        options_(std::move(options)) {}

  image::Background background() const override { return background_; }
  void begin_video() override { is_video_ = true; }

  train::Prediction predict(std::span<const image::Image> pictures) override {
    const torch::NoGradGuard no_grad;
    const auto picture = image::to_rgb(pictures[0]);
    const auto image =
        views_.apply(std::make_shared<PlainPicture>(data::to_tensor(picture)), data::Split::kTest)
            ->get(0, Key{})["image"];
    const auto scores = network_.scores(image.unsqueeze(0));
    const bool is_resized = scores.height != picture.height || scores.width != picture.width;
    PixelDetails details;
    if (is_resized || options_.format == kProbabilities) {
      auto logits = scores.logits();
      if (is_resized)
        logits = torch::upsample_bilinear2d(logits, {picture.height, picture.width}, false);
      details.classes = logits[0].argmax(0).to(torch::kUInt8).contiguous();
      if (options_.format == kProbabilities) details.probabilities = logits[0].softmax(0);
    } else {
      details.classes = scores.classes()[0];
    }

    train::Prediction prediction;
    const auto counts = torch::bincount(details.classes.flatten(), {}, std::ssize(classes_));
    describe_shares(prediction, {counts.data_ptr<std::int64_t>(), classes_.size()}, picture);
    if (options_.wants_pictures) {
      std::vector<std::int64_t> shown;
      for (const auto number : all_classes(classes_))
        if (is_video_ || counts[number].item<std::int64_t>() > 0) shown.push_back(number);
      prediction.picture =
          with_legend(overlay(picture, details.classes, has_background(classes_)), shown, classes_);
    }
    prediction.details = std::move(details);
    return prediction;
  }

 private:
  /// Text and JSON of the classes of the pixels, the most frequent ones first.
  void describe_shares(train::Prediction& prediction, std::span<const std::int64_t> counts,
                       const image::Image& picture) const {
    auto order = all_classes(classes_);
    const auto count_of = [&](std::int64_t number) {
      return counts[static_cast<std::size_t>(number)];
    };
    std::ranges::stable_sort(order, std::greater<>(), count_of);
    const auto pixels = static_cast<double>(picture.width) * picture.height;
    auto list = nlohmann::json::array();
    std::size_t named = 0;
    for (const auto number : order) {
      const auto& name = classes_[static_cast<std::size_t>(number)];
      const double share = static_cast<double>(count_of(number)) / pixels;
      list.push_back({{"class", name}, {"share", share}});
      if (share < kNamedShare || named == kMostNamed) continue;
      prediction.text += concat(named++ == 0 ? "" : ", ", name, " ", percent(share));
    }
    prediction.json = nlohmann::json{
        {"width", picture.width},
        {"height", picture.height},
        {"classes", list}}.dump();
  }

  FusedSegmentation network_;
  std::vector<std::string> classes_;
  data::ViewsConfig views_;
  image::Background background_;
  train::PredictOptions options_;
  bool is_video_ = false;
};

class MaskWriter : public train::PredictionWriter {
 public:
  MaskWriter(const SegmentConfig& config, const std::filesystem::path& folder) : folder_(folder) {
    for (const auto& name : class_names(config))
      numbers_.push_back(static_cast<std::uint16_t>(std::ranges::find(config.data.classes, name) -
                                                    config.data.classes.begin()));
  }

  void add(const train::Prediction& prediction) override {
    const auto& classes = std::any_cast<const PixelDetails&>(prediction.details).classes;
    image::Values mask{.width = static_cast<int>(classes.size(1)),
                       .height = static_cast<int>(classes.size(0))};
    const auto* own = classes.data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < classes.numel(); ++i) mask.values.push_back(numbers_[own[i]]);
    const auto png = image::encode_values(mask, data::voc_palette());
    write_file_atomic(folder_.path(prediction).string() + ".png", std::as_bytes(std::span(png)));
  }

 private:
  train::PredictionFolder folder_;
  std::vector<std::uint16_t> numbers_;  // in data.classes, by class
};

class ProbabilityWriter : public train::PredictionWriter {
 public:
  ProbabilityWriter(const SegmentConfig& config, const std::filesystem::path& folder)
      : folder_(folder), classes_(class_names(config)) {}

  void add(const train::Prediction& prediction) override {
    const auto& own = std::any_cast<const PixelDetails&>(prediction.details).probabilities;
    const auto path = folder_.path(prediction).string();
    data::write_npy(path + ".npy", own);
    image::write(path + ".png", draw_probabilities(own, classes_));
  }

 private:
  train::PredictionFolder folder_;
  std::vector<std::string> classes_;
};

}  // namespace

std::unique_ptr<train::Predictor> make_pixel_predictor(
    const std::shared_ptr<const SegmentationNetwork>& network, const SegmentConfig& config,
    const train::PredictOptions& options) {
  return std::make_unique<PixelPredictor>(network, config, options);
}

std::vector<std::string> pixel_formats() { return {kMasks, kProbabilities}; }

std::unique_ptr<train::PredictionWriter> make_pixel_writer(const SegmentConfig& config,
                                                           const std::string& format,
                                                           const std::filesystem::path& folder) {
  if (format == kProbabilities) return std::make_unique<ProbabilityWriter>(config, folder);
  return std::make_unique<MaskWriter>(config, folder);
}

}  // namespace clew::segment
