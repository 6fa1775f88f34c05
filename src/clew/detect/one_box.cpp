// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/one_box.h"

#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <utility>

#include "clew/core/error.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::detect {
namespace {

using torch::Tensor;

constexpr const char *kOneBoxBackbone = "mobilenet_v2", *kOneBoxMap = "features.18",
                     *kOneBoxPrefix = "features.";  // dropped from the backbone's paths
constexpr double kOneBoxBeta = 0.1;                 // of smooth L1, shares of a side
constexpr double kOneBoxWeight = 10;                // of the box's loss
// Shares of a side per unit of the linear layer: the squared norm of pooled features is some hundred, by which steps of its
// weights move the box otherwise.
constexpr double kOneBoxUnit = 0.05;

/// [4] f32: sides of a picture at the places of x, y, x, y.
Tensor picture_sides(ops::ImageSize size) {
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  return torch::tensor({width, height, width, height});
}

std::vector<ops::ImageSize> sizes_of(const std::vector<Tensor>& images) {
  std::vector<ops::ImageSize> sizes;
  for (const auto& image : images) sizes.push_back({image.size(1), image.size(2)});
  return sizes;
}

}  // namespace

std::string one_box_parameter(const std::string& parameter) {
  const std::string prefix = kOneBoxPrefix;
  return kBodyPrefix +
         (parameter.starts_with(prefix) ? parameter.substr(prefix.size()) : parameter);
}

OneBoxTargets one_box_targets(const std::vector<Objects>& objects,
                              const std::vector<ops::ImageSize>& sizes) {
  const torch::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(objects.size());
  OneBoxTargets targets{.labels = torch::zeros({count}, torch::kInt64),
                        .boxes = torch::full({count, 4}, 0.5)};
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (objects[i].labels.numel() == 0) continue;
    const auto row = static_cast<std::int64_t>(i);
    const auto largest = ops::box_area(objects[i].boxes).argmax().item<std::int64_t>();
    const auto box = objects[i].boxes[largest].to(torch::kFloat32) / picture_sides(sizes[i]);
    const auto low = box.slice(0, 0, 2), high = box.slice(0, 2, 4);
    targets.labels[row].copy_(objects[i].labels[largest]);
    targets.boxes[row].copy_(torch::cat({(low + high) / 2, high - low}));
  }
  return targets;
}

OneBoxImpl::OneBoxImpl(const OneBoxOptions& options) : options_(options) {
  CLEW_CHECK(options.classes >= 2, "classes must be at least 2, the background and one more, got ",
             options.classes);
  const nn::Backbone backbone(
      kOneBoxBackbone, nn::BackboneOptions{.norms = {.is_frozen = options.has_frozen_norms}});
  statistics_ = backbone->statistics().channels;
  map_ = backbone->feature_map(kOneBoxMap).layer;
  const auto channels = backbone->feature_map(kOneBoxMap).channels;
  body_ =
      std::make_shared<nn::LayerGraph>(*backbone, std::vector<nn::LayerId>{map_}, kOneBoxPrefix);
  register_module("backbone", std::make_shared<torch::nn::Module>("backbone"))
      ->register_module("body", body_);
  const auto head = register_module("head", std::make_shared<torch::nn::Module>("head"));
  logits_ = head->register_module("logits", torch::nn::Linear(channels, options.classes));
  box_ = head->register_module("box", torch::nn::Linear(channels, 4));
  const torch::NoGradGuard no_grad;
  box_->weight.normal_(0, 0.001);  // as Girshick 2015, section 2.3
  box_->bias.zero_();
}

std::vector<std::string> OneBoxImpl::body_modules(double stride) const {
  return modules_up_to(*body_, stride);
}

OneBoxOutput OneBoxImpl::forward(const std::vector<Tensor>& images, std::int64_t side) {
  CLEW_CHECK(!images.empty(), "a detector needs at least one picture");
  std::vector<Tensor> squares;
  for (const auto& image : images) {
    CLEW_CHECK(image.defined() && image.dim() == 3 && image.size(0) == 3 &&
                   image.is_floating_point() && image.numel() > 0,
               "an image must be [3,H,W] f with H and W at least 1, got ", image.sizes(), " ",
               image.scalar_type());
    squares.push_back(torch::_upsample_bilinear2d_aa(
        ops::normalise(image.unsqueeze(0), statistics_), {side, side}, false));
  }
  const auto features = body_->run(torch::cat(squares), {map_})[0].mean({2, 3});
  // Relative to a box in the middle.
  return {.logits = logits_->forward(features).to(torch::kFloat32),
          .boxes = box_->forward(features).to(torch::kFloat32) * kOneBoxUnit + 0.5};
}

std::vector<Detections> OneBoxImpl::detect(const std::vector<Tensor>& images) {
  const torch::NoGradGuard no_grad;
  const auto output = forward(images, options_.side);
  const auto sizes = sizes_of(images);
  const auto shares = torch::softmax(output.logits, 1).slice(1, 1);
  std::vector<Detections> result;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const auto [score, number] = shares[row].max(0, true);
    const auto centre = output.boxes[row].slice(0, 0, 2),
               half = output.boxes[row].slice(0, 2, 4) / 2;
    const auto box = torch::cat({centre - half, centre + half}) * picture_sides(sizes[i]);
    result.push_back(best_detections({.boxes = ops::clip_boxes(box.unsqueeze(0), sizes[i]),
                                      .scores = score,
                                      .labels = number + 1,
                                      .masks = {}},
                                     {.least_score = options_.least_score, .most = 1}));
  }
  return result;
}

DetectorLosses OneBoxImpl::losses(const TrainingPictures& pictures, const Key& /*key*/,
                                  const TrainingOptions& /*options*/) {
  check_pictures(pictures, options_.classes);
  const auto output =
      forward(pictures.images, pictures.short_side > 0 ? pictures.short_side : options_.side);
  const auto targets = one_box_targets(pictures.objects, sizes_of(pictures.images));
  DetectorLosses losses;
  losses.classes = torch::cross_entropy_loss(output.logits, targets.labels);
  const auto rows = targets.labels.gt(0).nonzero().squeeze(1);
  losses.boxes = rows.numel() == 0 ? output.boxes.sum() * 0
                                   : torch::smooth_l1_loss(output.boxes.index_select(0, rows),
                                                           targets.boxes.index_select(0, rows),
                                                           at::Reduction::Mean, kOneBoxBeta) *
                                         kOneBoxWeight;
  return losses;
}

}  // namespace clew::detect
