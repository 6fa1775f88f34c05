// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/fused_segmentation.h"

#include <torch/types.h>

#include <utility>

#include "clew/core/error.h"

namespace clew::segment {
namespace {

nn::FusedGraph fused_scores(const SegmentationNetwork* network, ops::PrecisionChoice precision) {
  CLEW_CHECK(network != nullptr, "a network must be one of segmentation");
  const auto dense = network->dense_graph();
  return {*dense.graph, dense.scores, {.precision = precision}};
}

}  // namespace

FusedSegmentation::FusedSegmentation(std::shared_ptr<const SegmentationNetwork> network,
                                     ops::PrecisionChoice precision)
    : network_(std::move(network)), dense_(fused_scores(network_.get(), precision)) {}

Scores FusedSegmentation::scores(const torch::Tensor& images) const {
  const torch::NoGradGuard no_grad;
  return network_->finish(dense_.run(network_->prepare(images)), images.size(2), images.size(3));
}

double FusedSegmentation::operations(std::int64_t height, std::int64_t width) const {
  const auto prepared = network_->prepare(torch::zeros({1, 3, height, width}));
  return dense_.operations(prepared.size(2), prepared.size(3));
}

}  // namespace clew::segment
