// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/losses.h"

#include <torch/types.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "clew/detect/masks.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::detect {
namespace {

using torch::Tensor;

constexpr double kProposalBeta = 1.0 / 9;  // of smooth L1

BoxTargets targets_of(const Tensor& boxes, const Objects& objects,
                      const ops::MatchOptions& options) {
  const torch::NoGradGuard no_grad;
  const auto count = boxes.size(0);
  if (objects.boxes.size(0) == 0)
    return {.labels = torch::zeros({count}, torch::kInt64),
            .boxes = torch::zeros_like(boxes),
            .objects = torch::zeros({count}, torch::kInt64)};
  const auto match = ops::match_boxes(ops::box_iou(objects.boxes, boxes), options);
  const auto own = match.clamp_min(0);
  auto labels = objects.labels.index_select(0, own);
  labels.masked_fill_(match.eq(ops::kBelowThresholds), 0);
  labels.masked_fill_(match.eq(ops::kBetweenThresholds), -1);
  return {.labels = labels, .boxes = objects.boxes.index_select(0, own), .objects = own};
}

/// Resized pictures, and objects in pixels of them but for their masks, which are the originals'.
struct ScaledPictures {
  ResizedImages resized;
  std::vector<Objects> objects;
  std::vector<Tensor> scales;  // [4] of each: pixels of the resized picture to one of the original
};

ScaledPictures scale_pictures(const FasterRcnnImpl& network, const TrainingPictures& pictures) {
  const auto& [images, objects, short_side, dropout] = pictures;
  check_pictures(pictures, network.options().classes, network.options().has_masks);
  ScaledPictures scaled{.resized = network.resize(images, short_side), .objects = {}, .scales = {}};
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto ratio = [](std::int64_t size, std::int64_t original) {
      return static_cast<float>(size) / static_cast<float>(original);
    };
    const auto &to = scaled.resized.sizes[i], &from = scaled.resized.originals[i];
    const float x = ratio(to.width, from.width), y = ratio(to.height, from.height);
    scaled.scales.push_back(torch::tensor({x, y, x, y}));
    scaled.objects.push_back({.boxes = objects[i].boxes * scaled.scales.back(),
                              .labels = objects[i].labels,
                              .masks = objects[i].masks});
  }
  return scaled;
}

ops::ImageSize padded_size(const ResizedImages& resized) {
  return {resized.images.size(2), resized.images.size(3)};
}

void add_proposal_losses(DetectorLosses& losses, const Proposals& proposals,
                         const ScaledPictures& scaled, const BoxSamplers& samplers,
                         const TrainingOptions& options) {
  std::vector<BoxTargets> targets;
  std::vector<ops::BoxSample> samples;
  for (std::size_t i = 0; i < scaled.objects.size(); ++i) {
    targets.push_back(options.ignores_crossing_anchors
                          ? inner_anchor_targets(proposals.anchors, scaled.resized.sizes[i],
                                                 scaled.objects[i], options)
                          : anchor_targets(proposals.anchors, scaled.objects[i], options));
    samples.push_back(samplers.anchors(i, targets.back().labels));
  }
  add_proposal_losses(losses, proposals, targets, samples);
}

struct DetectionTraining {
  const std::optional<Key>& dropout;
  const BoxSamplers& samplers;
  const TrainingOptions& options;
};

void add_detection_losses(DetectorLosses& losses, FasterRcnnImpl& network,
                          const std::vector<Tensor>& maps, const std::vector<Tensor>& boxes,
                          const ScaledPictures& scaled, const DetectionTraining& training) {
  const auto sampled =
      sample_proposals(boxes, scaled.objects, training.samplers.proposals, training.options);
  const auto [logits, codes] =
      network.classify(network.pool(maps, sampled.boxes, scaled.resized.sizes),
                       training.dropout ? &*training.dropout : nullptr);
  add_detection_losses(losses, logits, codes, sampled, training.options.detection_beta);
  if (!network.options().has_masks) return;
  std::vector<Tensor> positives, own_labels, wanted;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < scaled.objects.size(); ++i) {
    const auto labels = sampled.labels.narrow(0, begin, sampled.boxes[i].size(0));
    begin += labels.size(0);
    const auto rows = labels.gt(0).nonzero().squeeze(1);
    positives.push_back(sampled.boxes[i].index_select(0, rows));
    own_labels.push_back(labels.index_select(0, rows));
    wanted.push_back(mask_targets(scaled.objects[i].masks, positives.back() / scaled.scales[i],
                                  sampled.objects[i].index_select(0, rows)));
  }
  add_mask_loss(losses,
                network.mask_logits(maps, positives, torch::cat(own_labels), scaled.resized.sizes),
                torch::cat(wanted));
}

}  // namespace

BoxTargets anchor_targets(const Tensor& anchors, const Objects& objects,
                          const TrainingOptions& options) {
  return targets_of(anchors, {.boxes = objects.boxes, .labels = torch::ones_like(objects.labels)},
                    options.anchors);
}

BoxTargets inner_anchor_targets(const Tensor& anchors, ops::ImageSize image, const Objects& objects,
                                const TrainingOptions& options) {
  const auto edge = [&](std::int64_t number) { return anchors.select(1, number); };
  const auto rows = edge(0)
                        .ge(0)
                        .logical_and(edge(1).ge(0))
                        .logical_and(edge(2).le(image.width))
                        .logical_and(edge(3).le(image.height))
                        .nonzero()
                        .squeeze(1);
  BoxTargets targets{.labels = torch::full({anchors.size(0)}, -1, torch::kInt64),
                     .boxes = torch::zeros_like(anchors),
                     .objects = torch::zeros({anchors.size(0)}, torch::kInt64)};
  if (rows.numel() == 0) return targets;
  const auto inner = anchor_targets(anchors.index_select(0, rows), objects, options);
  targets.labels.index_copy_(0, rows, inner.labels);
  targets.boxes.index_copy_(0, rows, inner.boxes.to(anchors.scalar_type()));
  targets.objects.index_copy_(0, rows, inner.objects);
  return targets;
}

BoxTargets proposal_targets(const Tensor& proposals, const Objects& objects,
                            const TrainingOptions& options) {
  return targets_of(proposals, objects, options.proposals);
}

void add_proposal_losses(DetectorLosses& losses, const Proposals& proposals,
                         const std::vector<BoxTargets>& targets,
                         const std::vector<ops::BoxSample>& samples) {
  std::vector<Tensor> logits, labels, codes, wanted;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto& [positives, negatives] = samples[i];
    const auto image = static_cast<std::int64_t>(i);
    const auto chosen = torch::cat({positives, negatives});
    logits.push_back(proposals.objectness[image].index_select(0, chosen));
    labels.push_back(
        targets[i].labels.index_select(0, chosen).to(proposals.objectness.scalar_type()));
    codes.push_back(proposals.codes[image].index_select(0, positives));
    wanted.push_back(ops::encode_boxes(targets[i].boxes.index_select(0, positives),
                                       proposals.anchors.index_select(0, positives)));
  }
  const auto all = torch::cat(logits);
  if (all.numel() == 0) {
    losses.objectness = proposals.objectness.sum() * 0;
    losses.proposal_boxes = proposals.codes.sum() * 0;
    return;
  }
  losses.objectness = torch::binary_cross_entropy_with_logits(all, torch::cat(labels));
  losses.proposal_boxes = torch::smooth_l1_loss(torch::cat(codes), torch::cat(wanted),
                                                at::Reduction::Sum, kProposalBeta) /
                          static_cast<double>(all.numel());
}

SampledProposals sample_proposals(const std::vector<Tensor>& proposals,
                                  const std::vector<Objects>& objects, const BoxSampler& sample,
                                  const TrainingOptions& options) {
  const torch::NoGradGuard no_grad;
  SampledProposals result;
  std::vector<Tensor> labels, targets;
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    const auto boxes = torch::cat({proposals[i], objects[i].boxes.to(proposals[i].scalar_type())});
    const auto own = proposal_targets(
        boxes, {.boxes = objects[i].boxes.to(boxes.scalar_type()), .labels = objects[i].labels},
        options);
    const auto [positives, negatives] = sample(i, own.labels);
    const auto chosen = std::get<0>(torch::cat({positives, negatives}).sort());
    result.boxes.push_back(boxes.index_select(0, chosen));
    labels.push_back(own.labels.index_select(0, chosen));
    targets.push_back(own.boxes.index_select(0, chosen));
    result.objects.push_back(own.objects.index_select(0, chosen));
  }
  result.labels = torch::cat(labels);
  result.targets = torch::cat(targets);
  return result;
}

void add_detection_losses(DetectorLosses& losses, const Tensor& logits, const Tensor& codes,
                          const SampledProposals& sampled, double beta) {
  const auto count = sampled.labels.size(0);
  if (count == 0) {
    losses.classes = logits.sum();
    losses.boxes = codes.sum();
    return;
  }
  losses.classes = torch::cross_entropy_loss(logits, sampled.labels);
  const auto rows = sampled.labels.gt(0).nonzero().squeeze(1);
  const auto own = sampled.labels.index_select(0, rows);
  const auto predicted = codes.view({count, -1, 4}).index({rows, own});
  const auto wanted =
      ops::encode_boxes(sampled.targets.index_select(0, rows),
                        torch::cat(sampled.boxes).index_select(0, rows), detection_coding());
  losses.boxes = torch::smooth_l1_loss(predicted, wanted, at::Reduction::Sum, beta) /
                 static_cast<double>(count);
}

void add_mask_loss(DetectorLosses& losses, const Tensor& logits, const Tensor& targets) {
  losses.masks =
      logits.size(0) == 0 ? logits.sum() : torch::binary_cross_entropy_with_logits(logits, targets);
}

BoxSamplers random_samplers(const Key& key, const TrainingOptions& options) {
  return {.anchors =
              [=](std::size_t picture, const Tensor& labels) {
                return ops::sample_boxes(labels, options.sampled_anchors, options.positive_anchors,
                                         fold_in(key, 0, picture));
              },
          .proposals =
              [=](std::size_t picture, const Tensor& labels) {
                return ops::sample_boxes(labels, options.sampled_proposals,
                                         options.positive_proposals, fold_in(key, 1, picture));
              }};
}

DetectorLosses detector_losses(FasterRcnnImpl& network, const TrainingPictures& pictures,
                               const BoxSamplers& samplers, const TrainingOptions& options) {
  const auto scaled = scale_pictures(network, pictures);
  const auto maps = network.features(scaled.resized.images);
  const auto proposals = network.propose(maps, padded_size(scaled.resized));
  DetectorLosses losses;
  add_proposal_losses(losses, proposals, scaled, samplers, options);
  add_detection_losses(losses, network, maps, network.select(proposals, scaled.resized), scaled,
                       {pictures.dropout, samplers, options});
  return losses;
}

DetectorLosses proposal_losses(FasterRcnnImpl& network, const TrainingPictures& pictures,
                               const BoxSamplers& samplers, const TrainingOptions& options) {
  const auto scaled = scale_pictures(network, pictures);
  DetectorLosses losses;
  add_proposal_losses(
      losses, network.propose(network.features(scaled.resized.images), padded_size(scaled.resized)),
      scaled, samplers, options);
  return losses;
}

DetectorLosses detection_losses(FasterRcnnImpl& network, FasterRcnnImpl& proposer,
                                const TrainingPictures& pictures, const BoxSamplers& samplers,
                                const TrainingOptions& options) {
  const auto scaled = scale_pictures(network, pictures);
  const auto maps = network.features(scaled.resized.images);
  std::vector<Tensor> boxes;
  {
    const torch::NoGradGuard no_grad;
    boxes = proposer.select(
        proposer.propose(&proposer == &network ? maps : proposer.features(scaled.resized.images),
                         padded_size(scaled.resized)),
        scaled.resized);
  }
  DetectorLosses losses;
  add_detection_losses(losses, network, maps, boxes, scaled, {pictures.dropout, samplers, options});
  return losses;
}

}  // namespace clew::detect
