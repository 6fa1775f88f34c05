// SPDX-License-Identifier: Apache-2.0
// Training targets and losses of Faster R-CNN (Ren et al. 2015, arXiv 1506.01497, section 3.1.2; Girshick 2015, arXiv 1504.08083,
// section 2.3), with torchvision's constants.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "clew/core/key.h"
#include "clew/detect/detector.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/ops/boxes/matching.h"
#include "clew/ops/tensor.h"

namespace clew::detect {

/// Targets of anchors or of proposals of one picture.
struct BoxTargets {
  torch::Tensor labels;   // [M] i64: class (of anchors 1), 0 background, -1 ignored
  torch::Tensor boxes;    // [M,4] f: of the matched object; any where the label is not positive
  torch::Tensor objects;  // [M] i64: its number; any where the label is not positive
};

/// anchors [M,4] -> targets. Without objects all are background.
BoxTargets anchor_targets(const torch::Tensor& anchors, const Objects& objects,
                          const TrainingOptions& options = {});
/// The same with anchors that cross the edges of a picture of that size ignored, and not matched.
BoxTargets inner_anchor_targets(const torch::Tensor& anchors, ops::ImageSize image,
                                const Objects& objects, const TrainingOptions& options = {});
/// The same of proposals [M,4], whose labels are the objects'.
BoxTargets proposal_targets(const torch::Tensor& proposals, const Objects& objects,
                            const TrainingOptions& options = {});

/// Chooses among anchors or proposals of a picture by their labels.
using BoxSampler = std::function<ops::BoxSample(std::size_t picture, const torch::Tensor& labels)>;
struct BoxSamplers {
  BoxSampler anchors, proposals;
};
/// Random ones, the same for the same key.
BoxSamplers random_samplers(const Key& key, const TrainingOptions& options = {});

/// Binary cross-entropy of the sampled anchors' objectness, and smooth L1 (beta 1/9) of the positive ones' codes, summed and
/// divided by the number sampled; zero where none is. `targets` and `samples` by picture.
void add_proposal_losses(DetectorLosses& losses, const Proposals& proposals,
                         const std::vector<BoxTargets>& targets,
                         const std::vector<ops::BoxSample>& samples);

/// Sampled proposals of a batch, one picture after another.
struct SampledProposals {
  std::vector<torch::Tensor> boxes;  // [K_i,4] of each picture
  torch::Tensor labels;              // [K] i64
  torch::Tensor targets;             // [K,4] f xyxy
  std::vector<torch::Tensor>
      objects;  // [K_i] i64 of each picture: the matched ones; any where the label is 0
};
/// Proposals of each picture together with its objects, of which `sample` chooses; without a graph.
SampledProposals sample_proposals(const std::vector<torch::Tensor>& proposals,
                                  const std::vector<Objects>& objects, const BoxSampler& sample,
                                  const TrainingOptions& options = {});

/// Cross-entropy of logits [K,C], and smooth L1 of the positive ones' codes [K,4C] for their class, summed and
/// divided by K. Zero without proposals.
void add_detection_losses(DetectorLosses& losses, const torch::Tensor& logits,
                          const torch::Tensor& codes, const SampledProposals& sampled,
                          double beta = TrainingOptions{}.detection_beta);

/// Mean binary cross-entropy of mask logits [P,28,28] and targets (mask_targets). Zero without any.
void add_mask_loss(DetectorLosses& losses, const torch::Tensor& logits,
                   const torch::Tensor& targets);

/// All losses of one forward pass. Objects that are not as above, or of another number than images: clew::Error. Targets of
/// masks are of the originals, not of masks resized with their pictures.
DetectorLosses detector_losses(FasterRcnnImpl& network, const TrainingPictures& pictures,
                               const BoxSamplers& samplers, const TrainingOptions& options = {});
/// The two of the region proposals.
DetectorLosses proposal_losses(FasterRcnnImpl& network, const TrainingPictures& pictures,
                               const BoxSamplers& samplers, const TrainingOptions& options = {});
/// Those of the detections, for proposals of `proposer`, which get no gradient; it may be `network`.
DetectorLosses detection_losses(FasterRcnnImpl& network, FasterRcnnImpl& proposer,
                                const TrainingPictures& pictures, const BoxSamplers& samplers,
                                const TrainingOptions& options = {});

}  // namespace clew::detect
