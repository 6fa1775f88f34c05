// SPDX-License-Identifier: Apache-2.0
// Inference of a LayerGraph on the CPU by oneDNN: folded batch norms, fused convolution, addition
// and activation, blocked channels, reused memory.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/nn/backbones/backbone.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/ops/normalise.h"
#include "clew/ops/precision.h"
#include "clew/ops/tensor.h"

namespace clew::nn {

struct FusedOptions {
  ops::ChannelStatistics statistics{};  // for normalising images first; empty: none
  // bf16: operands and activations, with sums in f32. auto: the faster (ops/precision.h).
  ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32;
  int plans = 8;  // cached, one per image shape and number of threads
};

/// A snapshot of a LayerGraph in evaluation mode; later changes of the graph have no effect. In
/// fp32, outputs agree with LayerGraph::run to 1e-4 of their scale (3x3 convolutions use Winograd's
/// algorithm where the CPU supports it). The first run of a shape makes its plan, in some 10 ms. A
/// batch is computed in parts that fit the cache, one per thread at a time.
class FusedGraph {
 public:
  /// `wanted`: layers whose outputs run() returns, at least one. An unknown layer: clew::Error.
  FusedGraph(const LayerGraph& graph, const std::vector<LayerId>& wanted,
             const FusedOptions& options = {});
  ~FusedGraph();
  FusedGraph(FusedGraph&&) noexcept;
  FusedGraph& operator=(FusedGraph&&) noexcept;

  /// images [B,3,H,W] f, any strides, on the CPU, in [0,1] with statistics -> outputs of `wanted`,
  /// contiguous f32 without gradient, owned by the caller. Thread-safe; uses
  /// torch::get_num_threads() threads. Blocks. Another shape, or an image too small for a layer:
  /// clew::Error.
  std::vector<torch::Tensor> run(const torch::Tensor& images) const;

  /// FLOPs of convolutions and linear layers for one image of that size; a multiply-add counts as
  /// two.
  double operations(std::int64_t height, std::int64_t width) const;
  /// fp32 or bf16.
  ops::Precision precision() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// images in [0,1] -> logits [B,classes] (raw), as BackboneImpl::forward in evaluation mode.
FusedGraph fused_classifier(const BackboneImpl& backbone,
                            ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);
/// images in [0,1] -> feature maps `names`, as BackboneImpl::maps.
FusedGraph fused_maps(const BackboneImpl& backbone, const std::vector<std::string>& names,
                      ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);

}  // namespace clew::nn
