// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/detector.h"

#include <torch/types.h>

#include "clew/core/error.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/boxes/nms.h"

namespace clew::detect {
namespace {

using torch::Tensor;

void check_objects(const TrainingPictures& pictures, std::size_t picture, std::int64_t classes,
                   bool has_masks) {
  const auto& [boxes, labels, masks] = pictures.objects[picture];
  const auto& image = pictures.images[picture];
  CLEW_CHECK(boxes.defined() && boxes.dim() == 2 && boxes.size(1) == 4 &&
                 boxes.is_floating_point() && labels.defined() && labels.dim() == 1 &&
                 labels.size(0) == boxes.size(0) && labels.scalar_type() == torch::kInt64,
             "objects of picture ", picture, " must be boxes [N,4] f and labels [N] i64");
  CLEW_CHECK(!has_masks || (masks.defined() && masks.scalar_type() == torch::kUInt8 &&
                            masks.dim() == 3 && masks.size(0) == boxes.size(0) &&
                            masks.size(1) == image.size(1) && masks.size(2) == image.size(2)),
             "masks of picture ", picture, " must be [N,H,W] u8, for ", boxes.size(0),
             " objects and a picture of ", image.size(1), "x", image.size(2));
  if (boxes.size(0) == 0) return;
  const auto sides = boxes.slice(1, 2) - boxes.slice(1, 0, 2);
  CLEW_CHECK(sides.gt(0).all().item<bool>() && boxes.isfinite().all().item<bool>(),
             "boxes of picture ", picture, " must be finite, with sides above 0");
  const auto least = labels.min().item<std::int64_t>(), most = labels.max().item<std::int64_t>();
  CLEW_CHECK(least >= 1 && most < classes, "labels of picture ", picture, " must be in 1..",
             classes - 1, ", got ", least < 1 ? least : most);
}

}  // namespace

Detections best_detections(Detections candidates, const DetectionLimits& limits) {
  auto& found = candidates;
  const auto take = [&](const Tensor& rows) {
    found.boxes = found.boxes.index_select(0, rows);
    found.scores = found.scores.index_select(0, rows);
    found.labels = found.labels.index_select(0, rows);
  };
  take(found.scores.gt(limits.least_score).nonzero().squeeze(1));
  take(ops::large_boxes(found.boxes, kLeastDetectionSide));
  take(ops::batched_nms(found.boxes, found.scores, found.labels, limits.overlap)
           .slice(0, 0, limits.most));
  return candidates;
}

void check_pictures(const TrainingPictures& pictures, std::int64_t classes, bool has_masks) {
  const auto count = pictures.images.size();
  CLEW_CHECK(pictures.objects.size() == count, "objects must be of ", count, " pictures, got ",
             pictures.objects.size());
  for (std::size_t i = 0; i < count; ++i) check_objects(pictures, i, classes, has_masks);
}

Tensor DetectorLosses::sum() const {
  Tensor sum;
  for (const auto* const one : {&objectness, &proposal_boxes, &classes, &boxes, &masks})
    if (one->defined()) sum = sum.defined() ? sum + *one : *one;
  return sum;
}

std::vector<Tensor> Detector::propose_boxes(const std::vector<Tensor>& images,
                                            std::int64_t /*count*/) {
  return std::vector<Tensor>(images.size(), torch::zeros({0, 4}));
}

std::vector<std::string> modules_up_to(const nn::LayerGraph& body, double stride) {
  std::vector<std::string> names;
  for (const auto& layer : body.layers())
    if (layer.module != nullptr && layer.geometry.stride <= stride)
      names.push_back(kBodyPrefix + layer.path);
  return names;
}

}  // namespace clew::detect
