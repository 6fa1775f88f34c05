// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/losses.h"

#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "clew/core/error.h"
#include "clew/detect/masks.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::detect {
namespace {

using torch::Tensor;

constexpr double kBeta = 1.0 / 9;  // of smooth L1

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

void check_objects(const Objects& objects, const FasterRcnnOptions& options, const Tensor& image,
                   std::size_t picture) {
  const auto& [boxes, labels, masks] = objects;
  CLEW_CHECK(boxes.defined() && boxes.dim() == 2 && boxes.size(1) == 4 &&
                 boxes.is_floating_point() && labels.defined() && labels.dim() == 1 &&
                 labels.size(0) == boxes.size(0) && labels.scalar_type() == torch::kInt64,
             "objects of picture ", picture, " must be boxes [N,4] f and labels [N] i64");
  CLEW_CHECK(
      !options.has_masks || (masks.defined() && masks.scalar_type() == torch::kUInt8 &&
                             masks.dim() == 3 && masks.size(0) == boxes.size(0) &&
                             masks.size(1) == image.size(1) && masks.size(2) == image.size(2)),
      "masks of picture ", picture, " must be [N,H,W] u8, for ", boxes.size(0),
      " objects and a picture of ", image.size(1), "x", image.size(2));
  if (boxes.size(0) == 0) return;
  const auto sides = boxes.slice(1, 2) - boxes.slice(1, 0, 2);
  CLEW_CHECK(sides.gt(0).all().item<bool>() && boxes.isfinite().all().item<bool>(),
             "boxes of picture ", picture, " must be finite, with sides above 0");
  const auto least = labels.min().item<std::int64_t>(), most = labels.max().item<std::int64_t>();
  CLEW_CHECK(least >= 1 && most < options.classes, "labels of picture ", picture, " must be in 1..",
             options.classes - 1, ", got ", least < 1 ? least : most);
}

}  // namespace

BoxTargets anchor_targets(const Tensor& anchors, const Objects& objects,
                          const TrainingOptions& options) {
  return targets_of(anchors, {.boxes = objects.boxes, .labels = torch::ones_like(objects.labels)},
                    options.anchors);
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
  CLEW_CHECK(all.numel() > 0, "no anchor was sampled");
  losses.objectness = torch::binary_cross_entropy_with_logits(all, torch::cat(labels));
  losses.proposal_boxes =
      torch::smooth_l1_loss(torch::cat(codes), torch::cat(wanted), at::Reduction::Sum, kBeta) /
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
                          const SampledProposals& sampled) {
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
  losses.boxes = torch::smooth_l1_loss(predicted, wanted, at::Reduction::Sum, kBeta) /
                 static_cast<double>(count);
}

void add_mask_loss(DetectorLosses& losses, const Tensor& logits, const Tensor& targets) {
  losses.masks =
      logits.size(0) == 0 ? logits.sum() : torch::binary_cross_entropy_with_logits(logits, targets);
}

Tensor DetectorLosses::sum() const {
  const auto all = objectness + proposal_boxes + classes + boxes;
  return masks.defined() ? all + masks : all;
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

DetectorLosses detector_losses(FasterRcnnImpl& network, const std::vector<Tensor>& images,
                               const std::vector<Objects>& objects, const BoxSamplers& samplers,
                               const TrainingOptions& options, std::int64_t short_side) {
  CLEW_CHECK(objects.size() == images.size(), "objects must be of ", images.size(),
             " pictures, got ", objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i)
    check_objects(objects[i], network.options(), images[i], i);
  const auto resized = network.resize(images, short_side);
  // Resized pixels to one of the original.
  const auto scales_of = [&](std::size_t i) {
    const auto ratio = [](std::int64_t size, std::int64_t original) {
      return static_cast<float>(size) / static_cast<float>(original);
    };
    const float x = ratio(resized.sizes[i].width, resized.originals[i].width),
                y = ratio(resized.sizes[i].height, resized.originals[i].height);
    return torch::tensor({x, y, x, y});
  };
  std::vector<Objects> scaled;
  for (std::size_t i = 0; i < objects.size(); ++i)
    scaled.push_back({.boxes = objects[i].boxes * scales_of(i), .labels = objects[i].labels});
  const auto maps = network.features(resized.images);
  const auto proposals = network.propose(maps, {resized.images.size(2), resized.images.size(3)});
  DetectorLosses losses;
  std::vector<BoxTargets> targets;
  std::vector<ops::BoxSample> samples;
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    targets.push_back(anchor_targets(proposals.anchors, scaled[i], options));
    samples.push_back(samplers.anchors(i, targets.back().labels));
  }
  add_proposal_losses(losses, proposals, targets, samples);
  const auto sampled = sample_proposals(network.select(proposals, resized.sizes), scaled,
                                        samplers.proposals, options);
  const auto [logits, codes] = network.classify(network.pool(maps, sampled.boxes, resized.sizes));
  add_detection_losses(losses, logits, codes, sampled);
  if (!network.options().has_masks) return losses;

  std::vector<Tensor> boxes, mask_labels, wanted;
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto labels = sampled.labels.narrow(0, begin, sampled.boxes[i].size(0));
    begin += labels.size(0);
    const auto rows = labels.gt(0).nonzero().squeeze(1);
    boxes.push_back(sampled.boxes[i].index_select(0, rows));
    mask_labels.push_back(labels.index_select(0, rows));
    wanted.push_back(mask_targets(objects[i].masks, boxes.back() / scales_of(i),
                                  sampled.objects[i].index_select(0, rows)));
  }
  add_mask_loss(losses, network.mask_logits(maps, boxes, torch::cat(mask_labels), resized.sizes),
                torch::cat(wanted));
  return losses;
}

}  // namespace clew::detect
