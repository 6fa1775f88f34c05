// SPDX-License-Identifier: Apache-2.0
// Inference of a LayerGraph on the CPU by oneDNN: batch norms folded, convolution, addition and activation
// in one call, channels in blocks, memory reused.
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
  ops::ChannelStatistics statistics{};  // images are normalised by these first; empty: not at all
  // bf16: operands and values between layers, with sums in f32. auto: the faster (ops/precision.h).
  ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32;
  int plans = 8;  // kept, for as many shapes of images and numbers of threads
};

/// A snapshot of a LayerGraph in evaluation mode: what happens to the graph later has no effect. Values
/// agree with LayerGraph::run in fp32 to 1e-4 of their scale (3x3 convolutions go by Winograd's algorithm where the CPU
/// has it). The first run of a shape makes its plan, a few hundredths of a second for each
/// network. A batch is computed in parts that the cache holds, as many at once as there are threads.
class FusedGraph {
 public:
  /// `wanted`: the layers whose values run() gives. None of them, or an index that the graph has not: clew::Error.
  FusedGraph(const LayerGraph& graph, const std::vector<LayerId>& wanted,
             const FusedOptions& options = {});
  ~FusedGraph();
  FusedGraph(FusedGraph&&) noexcept;
  FusedGraph& operator=(FusedGraph&&) noexcept;

  /// images [B,3,H,W] f of any strides, on the CPU; in [0,1] where there are statistics -> the values of
  /// `wanted`, new, contiguous f32 without gradient. Any number of threads may call it at once; LibTorch's number of
  /// threads (torch::set_num_threads) holds. Blocks. Another shape, or a picture too small for a
  /// layer: clew::Error.
  std::vector<torch::Tensor> run(const torch::Tensor& images) const;

  /// Floating point operations for one image of that size: products of convolutions and linear layers, a
  /// multiply-add counting as two.
  double operations(std::int64_t height, std::int64_t width) const;
  /// fp32 or bf16.
  ops::Precision precision() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// From images in [0,1] to the logits [B,classes] (raw), as BackboneImpl::forward in evaluation mode.
FusedGraph fused_classifier(const BackboneImpl& backbone,
                            ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);
/// From images in [0,1] to the maps called `names`, as BackboneImpl::maps.
FusedGraph fused_maps(const BackboneImpl& backbone, const std::vector<std::string>& names,
                      ops::PrecisionChoice precision = ops::PrecisionChoice::kFp32);

}  // namespace clew::nn
