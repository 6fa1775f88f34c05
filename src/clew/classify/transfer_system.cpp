// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/transfer_system.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "clew/classify/transfer_task.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/image_tensor.h"
#include "clew/image/files.h"

namespace clew::classify {
namespace {

constexpr std::size_t kMostNamed = 5;  // classes of a prediction

const TransferConfig& own(const train::LearningConfig& config) {
  return dynamic_cast<const TransferConfig&>(config);
}

/// One picture as the views of an evaluation see it.
class OnePicture : public data::Dataset {
 public:
  explicit OnePicture(torch::Tensor image) : image_(std::move(image)) {}
  std::int64_t size() const override { return 1; }
  data::Example get(std::int64_t /*index*/, const Key& /*key*/) const override {
    return {{"image", image_}, {"label", torch::tensor(std::int64_t{0})}};
  }
  data::Columns columns() const override {
    return data::image_and_label({3, image_.size(1), image_.size(2)});
  }

 private:
  torch::Tensor image_;
};

}  // namespace

std::vector<std::string> TransferSystem::resolve(train::LearningConfig& config) const {
  auto& own_config = dynamic_cast<TransferConfig&>(config);
  own_config.data.views.check();
  own_config.mode = resolved_mode(own_config);
  const auto set = open_pictures(own_config, data::Split::kTrain);
  check_classes(own_config, set->class_names());
  own_config.data.classes = set->class_names();
  return {concat(set->size(), " pictures of ", own_config.data.classes.size(), " classes from ",
                 own_config.data.dir.empty() ? "drawn scenes" : own_config.data.dir, ", mode ",
                 name_of(own_config.mode))};
}

std::shared_ptr<torch::nn::Module> TransferSystem::make_network(
    const train::LearningConfig& config) const {
  return make_backbone(own(config));
}

std::unique_ptr<train::Task> TransferSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<TransferTask>(own(config));
}

std::string TransferSystem::progress_text(const runs::MetricsLine& line) const {
  const auto share = [&](const char* name) {
    const auto value = line.get(name);
    return value ? fixed(100 * *value, 1) + " %" : std::string("-");
  };
  auto text = concat("  loss ", fixed(line.get("loss").value_or(std::nan("")), 3), "  error ",
                     share("error"));
  if (line.get("val_error")) text += "  validation error " + share("val_error");
  return text;
}

runs::RunAbout TransferSystem::about(const train::LearningConfig& config,
                                     const train::Task& task) const {
  auto about = LearningSystem::about(config, task);
  about.title = concat(own(config).backbone, ", mode ", name_of(own(config).mode));
  if (own(config).data.dir.empty()) about.notes.emplace_back("The pictures are drawn scenes.");
  return about;
}

std::vector<train::Prediction> TransferSystem::predict(
    torch::nn::Module& network, const train::LearningConfig& config,
    const std::vector<std::filesystem::path>& images,
    const std::function<void(std::int64_t)>& on_progress) const {
  const auto& data = own(config).data;
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  std::vector<train::Prediction> predictions;
  for (const auto& path : images) {
    train::Prediction prediction{.name = path.string()};
    try {
      const auto picture = data::to_tensor(image::read(path, data.background));
      const auto rgb = picture.size(0) == 1 ? picture.expand({3, -1, -1}) : picture;
      const auto set =
          data.views.apply(std::make_shared<OnePicture>(rgb.contiguous()), data::Split::kTest);
      const auto logits = backbone.forward(set->get(0, Key{})["image"].unsqueeze(0));
      const auto shares = torch::softmax(logits[0].to(torch::kFloat64), 0);
      const auto [values, order] =
          shares.topk(static_cast<std::int64_t>(std::min(kMostNamed, data.classes.size())));
      auto list = nlohmann::json::array();
      for (std::int64_t i = 0; i < values.numel(); ++i) {
        const auto& name = data.classes.at(static_cast<std::size_t>(order[i].item<std::int64_t>()));
        const auto share = values[i].item<double>();
        list.push_back({{"class", name}, {"probability", share}});
        prediction.text += concat(i == 0 ? "" : ", ", name, " ", fixed(100 * share, 1), " %");
      }
      prediction.json = nlohmann::json{{"class", list[0]["class"]}, {"classes", list}}.dump();
    } catch (const Error& error) {
      prediction.error = error.what();
    }
    predictions.push_back(std::move(prediction));
    if (on_progress) on_progress(static_cast<std::int64_t>(predictions.size()));
  }
  return predictions;
}

train::ExportPlan TransferSystem::export_plan(const train::LearningConfig& config,
                                              torch::nn::Module& network) const {
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  return {.forward =
              [&backbone](const std::vector<torch::Tensor>& inputs) {
                return std::vector<torch::Tensor>{backbone.forward(inputs.at(0))};
              },
          .options = {
              .name = backbone.architecture(),
              .inputs = {{.name = "images",
                          .shape = {nn::kOnnxBatch, 3, backbone.statistics().crop,
                                    backbone.statistics().crop},
                          .note = concat("[B,3,", backbone.statistics().crop, ",",
                                         backbone.statistics().crop, "] f32 in [0,1], RGB")}},
              .outputs = {{.name = "logits",
                           .note = concat("[B,", own(config).data.classes.size(), "] f32 (raw)")}},
              .metadata = {{"classes", join(own(config).data.classes, ",")}}}};
}

}  // namespace clew::classify
