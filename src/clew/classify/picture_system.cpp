// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/picture_system.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <array>
#include <cmath>

#include "clew/classify/picture_task.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/image_tensor.h"
#include "clew/data/views.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/nn/inference/fused_graph.h"

namespace clew::classify {
namespace {

const PictureConfig& own(const train::LearningConfig& config) {
  return dynamic_cast<const PictureConfig&>(config);
}

/// One picture with the evaluation views.
class OnePicture : public data::Dataset {
 public:
  explicit OnePicture(torch::Tensor image) : image_(std::move(image)) {}
  std::int64_t size() const override { return 1; }
  data::Example get(std::int64_t /*index*/, const Key& /*key*/) const override {
    return {{"image", image_}};
  }
  data::Columns columns() const override {
    return {data::image_and_label({3, image_.size(1), image_.size(2)})[0]};
  }

 private:
  torch::Tensor image_;
};

/// Height and width of pictures after the evaluation views; `otherwise` where these leave them open.
std::array<std::int64_t, 2> input_size(const PictureConfig& config, std::int64_t otherwise) {
  data::Columns columns = {data::image_and_label({3, -1, -1})[0]};
  for (const auto& view : data::parse_views(config.data.views.eval))
    columns = view->columns(columns);
  const auto& shape = columns[0].shape;
  if (shape[1] > 0 && shape[2] > 0) return {shape[1], shape[2]};
  return {otherwise, otherwise};
}

}  // namespace

image::Image labelled_picture(const torch::Tensor& image, const std::string& text) {
  const image::Tile tile[] = {{.picture = data::to_image(image), .label = text}};
  return image::grid(tile, {.columns = 1});
}

std::vector<std::string> PictureSystem::resolve(train::LearningConfig& config) const {
  auto& mine = dynamic_cast<PictureConfig&>(config);
  mine.data.views.check();
  mine.mode = resolved_mode(mine);
  mine.data.augment = resolved_augmentation(mine);
  if (mine.mode != TransferMode::kLast) mine.train.kept_versions = 0;
  const auto set = open(mine, data::Split::kTrain);
  check_classes(mine, set->class_names());
  mine.data.classes = set->class_names();
  return {concat(set->size(), " pictures of ", mine.data.classes.size(), " classes from ",
                 mine.data.dir.empty() ? "drawn scenes" : mine.data.dir, ", mode ",
                 name_of(mine.mode), ", augmentation ", name_of(mine.data.augment))};
}

std::shared_ptr<torch::nn::Module> PictureSystem::make_network(
    const train::LearningConfig& config) const {
  return make_backbone(own(config), outputs(std::ssize(own(config).data.classes)));
}

std::string PictureSystem::progress_text(const runs::MetricsLine& line) const {
  auto text = concat("  loss ", fixed(line.get("loss").value_or(std::nan("")), 3));
  const auto measure = shown_measure();
  if (const auto value = line.get(measure)) text += concat("  ", measure, " ", percent(*value));
  if (const auto value = line.get("val_" + measure))
    text += concat("  validation ", measure, " ", percent(*value));
  return text;
}

runs::RunAbout PictureSystem::about(const train::LearningConfig& config,
                                    const train::Task& task) const {
  auto about = LearningSystem::about(config, task);
  about.title = concat(own(config).backbone, ", mode ", name_of(own(config).mode));
  if (own(config).data.dir.empty()) about.notes.emplace_back("The pictures are drawn scenes.");
  return about;
}

/// Predicts one picture at a time.
class PictureSystem::PicturePredictor : public train::Predictor {
 public:
  PicturePredictor(const PictureSystem& system, std::shared_ptr<torch::nn::Module> network,
                   const PictureConfig& config, const train::PredictOptions& options)
      : system_(system),
        network_(std::move(network)),
        backbone_(dynamic_cast<nn::BackboneImpl&>(*network_)),
        classifier_(nn::fused_classifier(backbone_)),
        data_(config.data),
        options_(options) {}

  image::Background background() const override { return data_.background; }
  train::Prediction predict(std::span<const image::Image> pictures) override {
    train::Prediction prediction;
    const auto picture = data::to_tensor(image::to_rgb(pictures[0]));
    const auto image = data_.views.apply(std::make_shared<OnePicture>(picture), data::Split::kTest)
                           ->get(0, Key{})["image"];
    const auto input = image.unsqueeze(0);
    system_.answer(prediction, classifier_.run(input)[0][0], data_.classes, image,
                   options_.wants_pictures);
    if (options_.wants_features) prediction.features = backbone_.features(input)[0];
    return prediction;
  }

 private:
  const PictureSystem& system_;
  std::shared_ptr<torch::nn::Module> network_;
  const nn::BackboneImpl& backbone_;
  nn::FusedGraph classifier_;
  decltype(PictureConfig::data) data_;
  train::PredictOptions options_;
};

std::unique_ptr<train::Predictor> PictureSystem::make_predictor(
    std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
    const train::PredictOptions& options) const {
  return std::make_unique<PicturePredictor>(*this, std::move(network), own(config), options);
}

train::ExportPlan PictureSystem::export_plan(const train::LearningConfig& config,
                                             torch::nn::Module& network,
                                             nn::ExportFormat /*format*/) const {
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  const auto [height, width] = input_size(own(config), backbone.statistics().crop);
  const auto count = outputs(std::ssize(own(config).data.classes));
  return {
      .forward =
          [&backbone](const std::vector<torch::Tensor>& inputs) {
            return std::vector<torch::Tensor>{backbone.forward(inputs.at(0))};
          },
      .options = {.name = backbone.architecture(),
                  .inputs = {{.name = "images",
                              .shape = {nn::kOnnxBatch, 3, height, width},
                              .note = concat("[B,3,", height, ",", width, "] f32 in [0,1], RGB")}},
                  .outputs = {{.name = "logits", .note = concat("[B,", count, "] f32 (raw)")}},
                  .metadata = {{"classes", join(own(config).data.classes, ",")}}}};
}

}  // namespace clew::classify
