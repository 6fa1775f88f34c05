// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/segment_task.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>

#include <algorithm>
#include <set>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/scenes.h"
#include "clew/segment/pixel_evaluator.h"

namespace clew::segment {
namespace {

using torch::Tensor;

constexpr std::uint64_t kKeyScenes = 1, kKeyNetwork = 2;
constexpr std::int64_t kSharedPictures = 500;  // of which the shares of classes are taken

bool have_one_size(const std::vector<Tensor>& maps) {
  return std::ranges::all_of(maps,
                             [&](const Tensor& map) { return map.sizes() == maps[0].sizes(); });
}

/// maps [...,H,W] -> [B,...,H,W], filled up with `value` on the right and below.
Tensor stacked(const std::vector<Tensor>& maps, double value) {
  std::int64_t height = 0, width = 0;
  for (const auto& map : maps) {
    height = std::max(height, map.size(-2));
    width = std::max(width, map.size(-1));
  }
  std::vector<Tensor> filled;
  for (const auto& map : maps)
    filled.push_back(
        torch::constant_pad_nd(map, {0, width - map.size(-1), 0, height - map.size(-2)}, value));
  return torch::stack(filled);
}

std::string axes_name(const std::string& name) { return name + "_axes"; }

void put(data::Batch& outputs, const std::string& name, const MapScores& scores) {
  const auto& [rows, columns] = scores.axes;
  outputs.set(name, scores.map);
  outputs.set(axes_name(name),
              torch::tensor({rows.first, rows.step, columns.first, columns.step}, torch::kFloat64)
                  .expand({scores.map.size(0), 4}));
}

MapScores taken(const data::Batch& outputs, const std::string& name) {
  const auto axes = outputs[axes_name(name)][0].cpu();
  const auto at = [&](std::int64_t i) { return axes[i].item<double>(); };
  return {.map = outputs[name], .axes = {{at(0), at(1)}, {at(2), at(3)}}};
}

void check_eval_views(const data::ViewsConfig& views) {
  views.check();
  for (const auto& view : views.eval)
    if (!view.starts_with("resize=") && !view.starts_with("resize_short="))
      throw UsageError(
          concat("data.eval_views must be resize or resize_short, for all of a picture is "
                 "segmented, got '",
                 view, "'"));
}

}  // namespace

std::vector<std::string> class_names(const SegmentConfig& config) {
  return data::counted_classes(config.data.classes, config.data.ignored);
}

NetworkOptions network_options(const SegmentConfig& config) {
  return {.network = config.network,
          .backbone = config.backbone,
          .output_stride =
              config.output_stride == 0 ? own_output_stride(config.network) : config.output_stride,
          .classes = std::ssize(class_names(config)),
          .dropout = config.dropout,
          .context = config.context,
          .context_start = config.context_start};
}

std::shared_ptr<const data::Dataset> open_masks(const SegmentConfig& config, data::Split split) {
  const auto& own = config.data;
  std::shared_ptr<const data::Dataset> set;
  if (own.dir.empty()) {
    if (own.scenes < 12)
      throw UsageError(own.scenes == 0
                           ? "data.dir must name a folder of pictures and masks, for this recipe "
                             "has data.scenes = 0, got none"
                           : concat("data.scenes must be 0 or at least 12, got ", own.scenes));
    if (!own.ignored.empty())
      throw UsageError("data.ignored is for masks of data.dir, and drawn scenes have none");
    set = std::make_shared<data::SceneMasks>(
        data::SceneOptions{.size = split == data::Split::kTrain ? own.scenes : own.scenes / 4,
                           .width = own.scene_size,
                           .height = own.scene_size,
                           .key = data::scene_key(fold_in(Key{config.seed}, kKeyScenes), split)});
  } else {
    set = std::make_shared<data::MaskPictures>(own, split);
  }
  check_eval_views(own.views);
  return own.views.apply(std::move(set), split);
}

std::vector<double> pixel_shares(const data::Dataset& set, std::int64_t classes) {
  auto counts = torch::zeros({classes}, torch::kInt64);
  const auto pictures = std::min(kSharedPictures, set.size());
  for (std::int64_t i = 0; i < pictures; ++i) {
    const auto mask = set.get(i * set.size() / pictures, Key{})["mask"].flatten();
    counts += torch::bincount(mask, {}, data::kVoid + 1).slice(0, 0, classes);
  }
  const auto all = std::max(1.0, counts.sum().item<double>());
  std::vector<double> shares;
  for (std::int64_t i = 0; i < classes; ++i) shares.push_back(counts[i].item<double>() / all);
  return shares;
}

train::Loss pixel_loss(const MapScores& scores, const Tensor& targets, const Tensor& weights) {
  const auto result =
      ops::pixel_cross_entropy(scores.map, scores.axes, targets, weights, data::kVoid);
  const auto value = result.weight > 0 ? result.sum / result.weight : result.sum;
  const auto counted = static_cast<double>(std::max<std::int64_t>(1, result.counted));
  return {
      .value = value,
      .metrics = {{.name = "loss", .value = value.item<double>()},
                  {.name = "pixel_accuracy", .value = static_cast<double>(result.right) / counted}},
      .weight = result.weight};
}

SegmentationNetwork& network_of(torch::nn::Module& network) {
  return dynamic_cast<SegmentationNetwork&>(network);
}

Tensor classes_of(const SegmentationNetwork& network, const Tensor& image,
                  const AveragingOptions& averaging) {
  const torch::NoGradGuard no_grad;
  if (!averaging.is_plain())
    return mean_probabilities(network, image, averaging).argmax(0).to(torch::kUInt8);
  return network.forward(image.unsqueeze(0)).classes()[0];
}

SegmentTask::SegmentTask(const SegmentConfig& config)
    : config_(config),
      train_(open_masks(config, data::Split::kTrain)),
      validation_(open_masks(config, data::Split::kValidation)),
      test_(open_masks(config, data::Split::kTest)) {
  const auto classes = train_->class_names();
  if (config_.data.classes.empty()) config_.data.classes = classes;
  const auto own = class_names(config_);
  CLEW_CHECK(own == classes, "data.classes are ", join(own), ", but the masks have ",
             join(classes));
  if (config_.class_weights == ClassWeights::kNone) return;
  auto& shares = config_.data.shares;
  if (shares.empty()) shares = pixel_shares(*train_, std::ssize(own));
  if (shares.size() != own.size())
    throw UsageError(concat("data.shares must be one for each of ", own.size(), " classes, got ",
                            shares.size()));
  class_weights_ = torch::zeros({std::ssize(own)});
  for (std::size_t i = 0; i < shares.size(); ++i)
    if (shares[i] > 0) class_weights_.data_ptr<float>()[i] = static_cast<float>(1 / shares[i]);
}

std::shared_ptr<torch::nn::Module> SegmentTask::make_network() const {
  return segment::make_network(network_options(config_));
}

data::Batch SegmentTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                 const Key& key) const {
  const auto& own = network_of(network);
  const auto& images = batch.list("image");
  data::Batch outputs;
  if (own.is_training()) {
    const auto own_key = fold_in(key, kKeyNetwork);
    const auto scores = own.forward(stacked(images, 0), &own_key);
    put(outputs, "scores", scores.main);
    if (scores.auxiliary.map.defined()) put(outputs, "auxiliary", scores.auxiliary);
    return outputs;
  }
  std::vector<Tensor> classes;
  if (config_.averaging.is_plain() && have_one_size(images)) {
    const auto all = own.forward(torch::stack(images)).classes();
    for (std::int64_t i = 0; i < all.size(0); ++i) classes.push_back(all[i]);
  } else {
    for (const auto& image : images) classes.push_back(classes_of(own, image, config_.averaging));
  }
  outputs.set_list("classes", std::move(classes));
  return outputs;
}

train::Loss SegmentTask::loss(const data::Batch& outputs, const data::Batch& batch,
                              const Key& /*key*/) const {
  const auto targets = stacked(batch.list("mask"), data::kVoid);
  const auto weights =
      class_weights_.defined() ? class_weights_.to(outputs["scores"].device()) : class_weights_;
  auto loss = pixel_loss(taken(outputs, "scores"), targets, weights);
  if (!outputs.has("auxiliary")) return loss;
  const auto auxiliary = pixel_loss(taken(outputs, "auxiliary"), targets, weights);
  loss.value = loss.value + config_.auxiliary_weight * auxiliary.value;
  loss.metrics[0].value = loss.value.item<double>();
  loss.metrics.push_back({.name = "auxiliary_loss", .value = auxiliary.metrics[0].value});
  return loss;
}

std::unique_ptr<train::Evaluator> SegmentTask::make_evaluator() const {
  return std::make_unique<PixelEvaluator>(class_names(config_));
}

std::vector<train::ParameterRule> SegmentTask::rules(const torch::nn::Module& network) const {
  if (config_.bias_rate == 1) return {};
  std::set<std::string> biases;
  for (const auto& item : network.named_modules("", false)) {
    const auto* convolution = item.value()->as<torch::nn::Conv2d>();
    if (convolution != nullptr && convolution->bias.defined()) biases.insert(item.key() + ".bias");
  }
  return {{.what = "bias_rate",
           .matches = [biases](const std::string& name) { return biases.contains(name); },
           .lr_factor = config_.bias_rate}};
}

}  // namespace clew::segment
