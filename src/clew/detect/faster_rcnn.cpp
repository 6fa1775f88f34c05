// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/faster_rcnn.h"

#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/detect/losses.h"
#include "clew/detect/masks.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/dropout.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/boxes/nms.h"
#include "clew/ops/boxes/roi_align.h"
#include "clew/ops/boxes/roi_pool.h"

namespace clew::detect {
namespace {

using torch::Tensor;

struct DetectorArchitecture {
  std::string name, backbone;
  std::vector<std::string> maps{};  // of the backbone, finest first
  std::string prefix{};             // dropped from the backbone's paths
  std::int64_t channels = 256;      // of the pyramid; 0: none, and RoI pooling of the one map
  double norm_eps = 1e-5, norm_momentum = 0.1;  // 0: the backbone's
  std::int64_t proposal_channels = 256;         // of the region proposals' 3x3 convolution
  std::int64_t bins = 7, head_channels = 1024;
  double head_dropout = 0;
  bool has_masks = false;
  bool has_classifier = false;  // fc6 and fc7 begin as the backbone's classifier.0 and classifier.3
  DetectorDefaults defaults{};
};

const std::vector<DetectorArchitecture>& detector_architectures() {
  static const std::vector<DetectorArchitecture> kAll = {
      {.name = "resnet50_fpn",
       .backbone = "resnet50",
       .maps = {"layer1", "layer2", "layer3", "layer4"}},
      {.name = "maskrcnn_resnet50_fpn",
       .backbone = "resnet50",
       .maps = {"layer1", "layer2", "layer3", "layer4"},
       .has_masks = true},
      {.name = "mobilenet_v3_large_fpn",
       .backbone = "mobilenet_v3_large",
       .maps = {"features.13", "features.16"},
       .prefix = "features."},
      {.name = "mobilenet_v3_large_320_fpn",
       .backbone = "mobilenet_v3_large",
       .maps = {"features.13", "features.16"},
       .prefix = "features."},
      {.name = "mobilenet_v2_fpn",
       .backbone = "mobilenet_v2",
       .maps = {"features.6", "features.13", "features.17"},
       .prefix = "features.",
       .channels = 128,
       .norm_eps = 0,
       .norm_momentum = 0,
       .proposal_channels = 128,
       .defaults = {.sampled_proposals = 128}},
      {.name = "efficientnet_lite0_fpn",
       .backbone = "efficientnet_lite0",
       .maps = {"blocks.4", "blocks.10", "blocks.15"},
       .channels = 128,
       .norm_eps = 0,
       .norm_momentum = 0,
       .proposal_channels = 128,
       .defaults = {.sampled_proposals = 128}},
      {.name = "vgg16",
       .backbone = "vgg16",
       .maps = {"conv5"},
       .prefix = "features.",
       .channels = 0,
       .proposal_channels = 512,
       .bins = 7,
       .head_channels = 4096,
       .head_dropout = 0.5,
       .has_classifier = true,
       .defaults = {.frozen_stride = 2,
                    .sampled_proposals = 128,
                    .detection_beta = 1,
                    .ignores_crossing_anchors = true}},
      {.name = "zf",
       .backbone = "zf",
       .maps = {"conv5"},
       .prefix = "features.",
       .channels = 0,
       .proposal_channels = 256,
       .bins = 6,
       .head_channels = 4096,
       .head_dropout = 0.5,
       .has_classifier = true,
       .defaults = {.frozen_stride = 0,
                    .sampled_proposals = 128,
                    .detection_beta = 1,
                    .ignores_crossing_anchors = true}},
  };
  return kAll;
}

const DetectorArchitecture& detector_architecture(const std::string& name) {
  const auto found = std::ranges::find(detector_architectures(), name, &DetectorArchitecture::name);
  if (found == detector_architectures().end())
    throw UsageError(concat("a detector must be one of ", join(detector_names()), ", got '", name,
                            "'", did_you_mean(name, detector_names())));
  return *found;
}

/// A module without parameters of its own, for the names of what is in it.
std::shared_ptr<torch::nn::Module> add_group(torch::nn::Module& parent, const char* name) {
  return parent.register_module(name, std::make_shared<torch::nn::Module>(name));
}

struct RpnHeadImpl : torch::nn::Module {
  RpnHeadImpl(std::int64_t in, std::int64_t channels, std::int64_t anchors)
      : convolution(
            add_group(*add_group(*this, "conv"), "0")
                ->register_module(
                    "0", torch::nn::Conv2d(torch::nn::Conv2dOptions(in, channels, 3).padding(1)))),
        logits(register_module("cls_logits", torch::nn::Conv2d(channels, anchors, 1))),
        codes(register_module("bbox_pred", torch::nn::Conv2d(channels, 4 * anchors, 1))) {
    const torch::NoGradGuard no_grad;
    for (const auto& item : named_parameters()) {
      if (item.key().ends_with("weight")) item.value().normal_(0, 0.01);
      if (item.key().ends_with("bias")) item.value().zero_();
    }
  }
  torch::nn::Conv2d convolution, logits, codes;
};
TORCH_MODULE(RpnHead);

struct BoxHeadImpl : torch::nn::Module {
  BoxHeadImpl(std::int64_t in, std::int64_t channels)
      : first(register_module("fc6", torch::nn::Linear(in, channels))),
        second(register_module("fc7", torch::nn::Linear(channels, channels))) {}
  torch::nn::Linear first, second;
};
TORCH_MODULE(BoxHead);

struct BoxPredictorImpl : torch::nn::Module {
  BoxPredictorImpl(std::int64_t in, std::int64_t classes)
      : logits(register_module("cls_score", torch::nn::Linear(in, classes))),
        codes(register_module("bbox_pred", torch::nn::Linear(in, 4 * classes))) {}
  torch::nn::Linear logits, codes;
};
TORCH_MODULE(BoxPredictor);

/// [B,A*k,H,W] -> [B,H*W*A,k].
Tensor by_anchor(const Tensor& map, std::int64_t k) {
  const auto batch = map.size(0), height = map.size(2), width = map.size(3);
  return map.view({batch, -1, k, height, width}).permute({0, 3, 4, 1, 2}).reshape({batch, -1, k});
}

/// Factors [4] of xyxy coordinates of a picture of size `from` resized to `to`.
Tensor scales(ops::ImageSize from, ops::ImageSize to) {
  const auto ratio = [](std::int64_t after, std::int64_t before) {
    return static_cast<float>(after) / static_cast<float>(before);
  };
  const float x = ratio(to.width, from.width), y = ratio(to.height, from.height);
  return torch::tensor({x, y, x, y});
}

ops::ImageSize size_of(const Tensor& images) { return {images.size(2), images.size(3)}; }

/// N(0, `deviation`), no bias.
void draw_normal(torch::nn::Linear& layer, double deviation) {
  const torch::NoGradGuard no_grad;
  layer->weight.normal_(0, deviation);
  layer->bias.zero_();
}

}  // namespace

struct FasterRcnnImpl::Parts {
  std::vector<nn::LayerId> maps;
  std::vector<double> offsets;  // of each level (nn::MapGeometry); empty: all 0
  double stride = 0;            // of the first level
  std::int64_t bins = 0;
  double dropout = 0;
  std::shared_ptr<nn::LayerGraph> body;
  nn::FeaturePyramid pyramid{nullptr};  // empty: the body's map
  RpnHead rpn{nullptr};
  BoxHead head{nullptr};
  BoxPredictor predictor{nullptr};
  MaskHead mask_head{nullptr};  // with masks
  MaskPredictor mask_predictor{nullptr};
};

const ops::BoxCoding& detection_coding() {
  static const ops::BoxCoding kCoding{.weights = {10, 10, 5, 5}};
  return kCoding;
}

const std::vector<std::string>& detector_names() {
  static const auto kNames = [] {
    std::vector<std::string> names;
    for (const auto& one : detector_architectures()) names.push_back(one.name);
    return names;
  }();
  return kNames;
}

std::string detector_parameter(const std::string& detector, const std::string& parameter) {
  const auto& architecture = detector_architecture(detector);
  if (architecture.has_classifier) {
    for (const auto& [from, to] : {std::pair<std::string, std::string>("classifier.0.", "fc6."),
                                   std::pair<std::string, std::string>("classifier.3.", "fc7.")})
      if (parameter.starts_with(from))
        return concat("roi_heads.box_head.", to, parameter.substr(from.size()));
  }
  const auto& prefix = architecture.prefix;
  return kBodyPrefix +
         (parameter.starts_with(prefix) ? parameter.substr(prefix.size()) : parameter);
}

DetectorDefaults detector_defaults(const std::string& name) {
  return detector_architecture(name).defaults;
}

FasterRcnnOptions detector_options(const std::string& name, std::int64_t classes) {
  const auto& architecture = detector_architecture(name);
  FasterRcnnOptions options;
  options.classes = classes;
  options.has_masks = architecture.has_masks;
  if (architecture.channels == 0) {
    options.anchors = {{.sizes = {128, 256, 512}}};
    options.short_side = 600;
    options.long_side = 1000;
    options.training = {12000, 2000};
    options.evaluation = {6000, 300};
    options.least_proposal_side = 16;
    options.detection_nms = 0.3;
    return options;
  }
  const std::array<double, 5> sizes = {32, 64, 128, 256, 512};
  if (architecture.maps.size() == 3) {
    for (const double size : {32, 64, 128, 256}) options.anchors.push_back({.sizes = {size}});
    options.short_side = 320;
    options.long_side = 640;
    options.training = {1000, 500};
    options.evaluation = {300, 150};
    return options;
  }
  if (architecture.maps.size() == 4) {
    for (const double size : sizes) options.anchors.push_back({.sizes = {size}});
    return options;
  }
  options.anchors.assign(3, {.sizes = {sizes.begin(), sizes.end()}});
  options.least_objectness = 0.05;
  if (name == "mobilenet_v3_large_320_fpn") {
    options.short_side = 320;
    options.long_side = 640;
    options.evaluation = {150, 150};
  }
  return options;
}

FasterRcnnImpl::FasterRcnnImpl(const std::string& name, const FasterRcnnOptions& options)
    : options_(options), parts_(std::make_shared<Parts>()) {
  const auto& architecture = detector_architecture(name);
  CLEW_CHECK(options.classes >= 2, "classes must be at least 2, the background and one more, got ",
             options.classes);
  const bool has_pyramid = architecture.channels > 0;
  const auto levels = architecture.maps.size() + (has_pyramid ? 1 : 0);
  CLEW_CHECK(options.anchors.size() == levels, name, " has ", levels, " levels, got anchors for ",
             options.anchors.size());
  const nn::Backbone backbone(
      architecture.backbone,
      nn::BackboneOptions{.norms = {.is_frozen = options.has_frozen_norms,
                                    .eps = architecture.norm_eps,
                                    .momentum = architecture.norm_momentum}});
  options_.statistics = backbone->statistics().channels;
  std::vector<std::int64_t> channels;
  std::vector<double> offsets;
  for (const auto& map : architecture.maps) {
    parts_->maps.push_back(backbone->feature_map(map).layer);
    channels.push_back(backbone->feature_map(map).channels);
    offsets.push_back(backbone->feature_map(map).geometry.offset);
  }
  if (has_pyramid) offsets.push_back(offsets.back());
  if (std::ranges::any_of(offsets, [](double offset) { return offset != 0; }))
    parts_->offsets = offsets;
  parts_->body = std::make_shared<nn::LayerGraph>(*backbone, parts_->maps, architecture.prefix);
  parts_->stride = backbone->feature_map(architecture.maps[0]).geometry.stride;
  const auto base = add_group(*this, "backbone");
  base->register_module("body", parts_->body);
  if (has_pyramid)
    parts_->pyramid =
        base->register_module("fpn", nn::FeaturePyramid(channels, architecture.channels));
  const auto in = has_pyramid ? architecture.channels : channels[0];
  parts_->rpn = add_group(*this, "rpn")
                    ->register_module("head", RpnHead(in, architecture.proposal_channels,
                                                      options.anchors[0].count()));
  if (!options.has_detection) return;
  parts_->bins = architecture.bins;
  parts_->dropout = architecture.head_dropout;
  const auto heads = add_group(*this, "roi_heads");
  parts_->head = heads->register_module(
      "box_head", BoxHead(in * architecture.bins * architecture.bins, architecture.head_channels));
  parts_->predictor = heads->register_module(
      "box_predictor", BoxPredictor(architecture.head_channels, options.classes));
  if (options.has_masks) {
    parts_->mask_head = heads->register_module("mask_head", MaskHead(in));
    parts_->mask_predictor =
        heads->register_module("mask_predictor", MaskPredictor(in, options.classes));
  }
  if (has_pyramid) return;
  // Girshick 2015, section 2.3.
  for (auto* const layer :
       {&parts_->head->first, &parts_->head->second, &parts_->predictor->logits})
    draw_normal(*layer, 0.01);
  draw_normal(parts_->predictor->codes, 0.001);
}

AlternatingRcnnImpl::AlternatingRcnnImpl(const std::string& name, const FasterRcnnOptions& options)
    : FasterRcnnImpl(name, options), proposer([&] {
        auto own = options;
        own.has_detection = false;
        return register_module("proposer", FasterRcnn(name, own));
      }()) {}
std::shared_ptr<FasterRcnnImpl> FasterRcnnImpl::with_least_score(double score) const {
  auto result = std::make_shared<FasterRcnnImpl>(*this);
  result->options_.least_score = score;
  return result;
}

FasterRcnnImpl::RoiPooling FasterRcnnImpl::roi_pooling() const {
  return {.bins = parts_->bins, .stride = parts_->pyramid ? 0 : parts_->stride};
}

const std::vector<double>& FasterRcnnImpl::map_offsets() const { return parts_->offsets; }

std::vector<std::string> FasterRcnnImpl::body_modules(double stride) const {
  return modules_up_to(*parts_->body, stride);
}

DetectorLosses FasterRcnnImpl::losses(const TrainingPictures& pictures, const Key& key,
                                      const TrainingOptions& options) {
  return detector_losses(*this, pictures, random_samplers(key, options), options);
}

ResizedImages FasterRcnnImpl::resize(const std::vector<Tensor>& images,
                                     std::int64_t short_side) const {
  CLEW_CHECK(!images.empty(), "a detector needs at least one picture");
  ResizedImages result;
  std::vector<Tensor> resized;
  std::int64_t height = 0, width = 0;
  for (const auto& image : images) {
    CLEW_CHECK(image.defined() && image.dim() == 3 && image.size(0) == 3 &&
                   image.is_floating_point() && image.numel() > 0,
               "an image must be [3,H,W] f with H and W at least 1, got ", image.sizes(), " ",
               image.scalar_type());
    const auto shorter = static_cast<double>(std::min(image.size(1), image.size(2))),
               longer = static_cast<double>(std::max(image.size(1), image.size(2)));
    // As torchvision 0.21; 0.14 rounds to f32 in between, which takes a pixel from some sides.
    const double scale =
        std::min(static_cast<double>(short_side > 0 ? short_side : options_.short_side) / shorter,
                 static_cast<double>(options_.long_side) / longer);
    const auto scaled = [&](std::int64_t side) {
      return std::max<std::int64_t>(
          1, static_cast<std::int64_t>(std::floor(static_cast<double>(side) * scale)));
    };
    const ops::ImageSize size{scaled(image.size(1)), scaled(image.size(2))};
    result.originals.push_back({image.size(1), image.size(2)});
    result.sizes.push_back(size);
    resized.push_back(torch::upsample_bilinear2d(
        ops::normalise(image.unsqueeze(0), options_.statistics), {size.height, size.width}, false));
    height = std::max(height, size.height);
    width = std::max(width, size.width);
  }
  const auto padded = [](std::int64_t side) {
    return (side + kSideDivisor - 1) / kSideDivisor * kSideDivisor;
  };
  result.images =
      torch::zeros({std::ssize(images), 3, padded(height), padded(width)}, resized[0].options());
  for (std::size_t i = 0; i < resized.size(); ++i) {
    const auto [h, w] = result.sizes[i];
    result.images[static_cast<std::int64_t>(i)].narrow(1, 0, h).narrow(2, 0, w).copy_(
        resized[i][0]);
  }
  return result;
}

std::vector<Tensor> FasterRcnnImpl::features(const Tensor& images) {
  auto maps = parts_->body->run(images, parts_->maps);
  return parts_->pyramid ? parts_->pyramid->forward(maps) : maps;
}

Proposals FasterRcnnImpl::propose(const std::vector<Tensor>& maps, ops::ImageSize padded) {
  std::vector<Tensor> objectness, codes;
  for (const auto& map : maps) {
    const auto x = torch::relu(parts_->rpn->convolution->forward(map));
    objectness.push_back(parts_->rpn->logits->forward(x));
    codes.push_back(parts_->rpn->codes->forward(x));
  }
  return assemble(objectness, codes, padded);
}

Proposals FasterRcnnImpl::assemble(const std::vector<Tensor>& objectness,
                                   const std::vector<Tensor>& codes, ops::ImageSize padded) const {
  Proposals result;
  std::vector<Tensor> logits, offsets;
  std::vector<ops::ImageSize> sizes;
  for (std::size_t i = 0; i < objectness.size(); ++i) {
    logits.push_back(by_anchor(objectness[i], 1).squeeze(2));
    offsets.push_back(by_anchor(codes[i], 4));
    sizes.push_back(size_of(objectness[i]));
    result.counts.push_back(logits.back().size(1));
  }
  result.objectness = torch::cat(logits, 1);
  result.codes = torch::cat(offsets, 1);
  result.anchors =
      ops::pyramid_anchors(options_.anchors, padded, sizes,
                           result.codes.options().requires_grad(false), parts_->offsets);
  return result;
}

FasterRcnnImpl::DenseGraph FasterRcnnImpl::dense_graph() const {
  DenseGraph dense{
      .graph = std::make_shared<nn::LayerGraph>(*parts_->body, nn::LayerGraph::Extension{})};
  auto& graph = *dense.graph;
  dense.maps = parts_->pyramid ? parts_->pyramid->add_to(graph, parts_->maps) : parts_->maps;
  const auto& [convolution, logits, codes] =
      std::tie(parts_->rpn->convolution, parts_->rpn->logits, parts_->rpn->codes);
  for (const auto map : dense.maps) {
    const auto x = graph.activation(graph.convolution(convolution.ptr(), "rpn.head.conv.0.0", map),
                                    nn::Activation::kRelu);
    dense.objectness.push_back(graph.convolution(logits.ptr(), "rpn.head.cls_logits", x));
    dense.codes.push_back(graph.convolution(codes.ptr(), "rpn.head.bbox_pred", x));
  }
  return dense;
}

std::vector<Tensor> FasterRcnnImpl::select(const Proposals& proposals, const ResizedImages& images,
                                           std::optional<ProposalLimits> limits) const {
  const torch::NoGradGuard no_grad;
  const auto& sizes = images.sizes;
  if (!limits) limits = is_training() ? options_.training : options_.evaluation;
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto objectness = proposals.objectness[static_cast<std::int64_t>(i)].detach();
    const auto codes = proposals.codes[static_cast<std::int64_t>(i)].detach();
    std::vector<Tensor> best, levels;
    std::int64_t begin = 0;
    for (std::size_t level = 0; level < proposals.counts.size(); ++level) {
      const auto count = proposals.counts[level];
      const auto part = objectness.narrow(0, begin, count);
      best.push_back(std::get<1>(part.topk(std::min(limits->before_nms, count))) + begin);
      levels.push_back(torch::full_like(best.back(), static_cast<std::int64_t>(level)));
      begin += count;
    }
    const auto chosen = torch::cat(best);
    auto level = torch::cat(levels);
    auto scores = torch::sigmoid(objectness.index_select(0, chosen));
    auto boxes = ops::clip_boxes(
        ops::decode_boxes(codes.index_select(0, chosen), proposals.anchors.index_select(0, chosen))
            .squeeze(1),
        sizes[i]);
    const auto take = [&](const Tensor& rows) {
      boxes = boxes.index_select(0, rows);
      scores = scores.index_select(0, rows);
      level = level.index_select(0, rows);
    };
    const double least = options_.least_proposal_side * static_cast<double>(sizes[i].height) /
                         static_cast<double>(images.originals[i].height);
    take(ops::large_boxes(boxes, std::max(least, kLeastProposalSide)));
    take(scores.ge(options_.least_objectness).nonzero().squeeze(1));
    const auto kept = ops::batched_nms(boxes, scores, level, options_.proposal_nms);
    result.push_back(boxes.index_select(0, kept.slice(0, 0, limits->after_nms)));
  }
  return result;
}

Tensor FasterRcnnImpl::pool(const std::vector<Tensor>& maps, const std::vector<Tensor>& boxes,
                            const std::vector<ops::ImageSize>& sizes, std::int64_t bins) const {
  CLEW_CHECK(options_.has_detection, "a network of proposals alone detects nothing");
  if (bins == 0) bins = parts_->bins;
  if (!parts_->pyramid)
    return ops::roi_pool(maps[0], ops::rois_of(boxes),
                         {.height = bins, .width = bins, .scale = 1 / parts_->stride});
  // The coarsest map is for proposals alone.
  ops::PyramidOptions pyramid{.height = bins, .width = bins};
  if (!parts_->offsets.empty())
    pyramid.offsets = {parts_->offsets.begin(), parts_->offsets.end() - 1};
  return ops::pyramid_roi_align({maps.begin(), maps.end() - 1}, boxes, sizes, pyramid);
}

std::pair<Tensor, Tensor> FasterRcnnImpl::classify(const Tensor& pooled, const Key* key) {
  const bool has_dropout = is_training() && key != nullptr && parts_->dropout > 0;
  auto x = pooled.flatten(1);
  std::uint64_t number = 0;
  for (auto* const layer : {&parts_->head->first, &parts_->head->second}) {
    x = torch::relu((*layer)->forward(x));
    if (has_dropout) x = nn::dropout(x, parts_->dropout, fold_in(*key, number++));
  }
  return {parts_->predictor->logits->forward(x), parts_->predictor->codes->forward(x)};
}

Tensor FasterRcnnImpl::mask_logits(const std::vector<Tensor>& maps,
                                   const std::vector<Tensor>& boxes, const Tensor& labels,
                                   const std::vector<ops::ImageSize>& sizes) {
  CLEW_CHECK(options_.has_masks, "the detector has no masks");
  const auto pooled = pool(maps, boxes, sizes, kMaskBins);
  return parts_->mask_predictor->forward(parts_->mask_head->forward(pooled), labels);
}

std::vector<Detections> FasterRcnnImpl::decode(const Tensor& logits, const Tensor& codes,
                                               const std::vector<Tensor>& boxes,
                                               const std::vector<ops::ImageSize>& sizes) const {
  const torch::NoGradGuard no_grad;
  std::vector<Detections> result;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const auto count = boxes[i].size(0);
    const auto all = ops::clip_boxes(
        ops::decode_boxes(codes.narrow(0, begin, count), boxes[i], detection_coding()), sizes[i]);
    const auto shares = torch::softmax(logits.narrow(0, begin, count), 1);
    begin += count;
    result.push_back(best_detections(
        {.boxes = all.slice(1, 1).reshape({-1, 4}),
         .scores = shares.slice(1, 1).reshape({-1}),
         .labels = torch::arange(1, options_.classes, torch::kInt64).repeat({count}),
         .masks = {}},
        {options_.least_score, options_.detection_nms, options_.most_detections}));
  }
  return result;
}

std::vector<Tensor> FasterRcnnImpl::propose_boxes(const std::vector<Tensor>& images,
                                                  std::int64_t count) {
  const torch::NoGradGuard no_grad;
  const auto resized = resize(images);
  auto boxes = select(propose(features(resized.images), size_of(resized.images)), resized,
                      ProposalLimits{std::max(count, options_.evaluation.before_nms), count});
  for (std::size_t i = 0; i < boxes.size(); ++i)
    boxes[i] = boxes[i] * scales(resized.sizes[i], resized.originals[i]);
  return boxes;
}

std::vector<Detections> FasterRcnnImpl::detect(const std::vector<Tensor>& images) {
  const torch::NoGradGuard no_grad;
  const auto resized = resize(images);
  const auto maps = features(resized.images);
  return finish(resized, maps, propose(maps, size_of(resized.images)));
}

void FasterRcnnImpl::add_masks(std::vector<Detections>& detections, const std::vector<Tensor>& maps,
                               const std::vector<ops::ImageSize>& sizes) {
  std::vector<Tensor> boxes, labels;
  std::vector<std::int64_t> counts;
  for (const auto& one : detections) {
    boxes.push_back(one.boxes);
    labels.push_back(one.labels);
    counts.push_back(one.labels.size(0));
  }
  const auto masks =
      torch::sigmoid(mask_logits(maps, boxes, torch::cat(labels), sizes)).split_with_sizes(counts);
  for (std::size_t i = 0; i < detections.size(); ++i) detections[i].masks = masks[i];
}

std::vector<Detections> FasterRcnnImpl::finish(const ResizedImages& images,
                                               const std::vector<Tensor>& maps,
                                               const Proposals& proposals) {
  const torch::NoGradGuard no_grad;
  const auto boxes = select(proposals, images);
  const auto [logits, codes] = classify(pool(maps, boxes, images.sizes));
  auto detections = decode(logits, codes, boxes, images.sizes);
  if (options_.has_masks) add_masks(detections, maps, images.sizes);
  for (std::size_t i = 0; i < detections.size(); ++i)
    detections[i].boxes = detections[i].boxes * scales(images.sizes[i], images.originals[i]);
  return detections;
}

namespace {

nn::FusedGraph fused_dense(const FasterRcnnImpl& network, ops::PrecisionChoice precision) {
  const auto dense = network.dense_graph();
  auto wanted = dense.maps;
  wanted.insert(wanted.end(), dense.objectness.begin(), dense.objectness.end());
  wanted.insert(wanted.end(), dense.codes.begin(), dense.codes.end());
  return {*dense.graph, wanted, {.precision = precision}};
}

}  // namespace

FusedDetector::FusedDetector(const FasterRcnn& network, ops::PrecisionChoice precision)
    : network_(network),
      levels_(network->options().anchors.size()),
      dense_(fused_dense(*network, precision)) {}

std::vector<Detections> FusedDetector::detect(const std::vector<Tensor>& images) const {
  const torch::NoGradGuard no_grad;
  const auto resized = network_->resize(images);
  const auto all = dense_.run(resized.images);
  const auto part = [&](std::size_t number) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(number * levels_);
    return std::vector<Tensor>(begin, begin + static_cast<std::ptrdiff_t>(levels_));
  };
  auto network = network_;
  return network->finish(resized, part(0),
                         network->assemble(part(1), part(2), size_of(resized.images)));
}

double FusedDetector::operations(std::int64_t height, std::int64_t width) const {
  const auto resized = network_->resize({torch::zeros({3, height, width})}).images;
  return dense_.operations(resized.size(2), resized.size(3));
}

}  // namespace clew::detect
