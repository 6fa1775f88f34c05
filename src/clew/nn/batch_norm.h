// SPDX-License-Identifier: Apache-2.0
// Synchronised batch norm over slices of a batch in replicas of a network.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/options/batchnorm.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "clew/nn/export/onnx.h"

namespace clew::nn {

/// Sums over the threads of a batch's slices.
class SliceGroup {
 public:
  /// `all_reduce` adds the other processes' slices to a tensor; called by one thread at a time.
  explicit SliceGroup(int slices, std::function<void(const torch::Tensor&)> all_reduce = {});

  /// Sum of `values`, f32 or f64, over all slices, in their order. Collective over the slices'
  /// threads; blocks until all have called. After fail() in any thread: clew::Error.
  torch::Tensor sum(int slice, const torch::Tensor& values);
  /// Releases the other threads after an error in this one.
  void fail();

  /// Lets batch norms of this thread take part as `slice` of a group.
  class Scope {
   public:
    Scope(std::shared_ptr<SliceGroup> group, int slice);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

 private:
  std::function<void(const torch::Tensor&)> all_reduce_;
  std::mutex mutex_;
  std::condition_variable is_complete_;
  std::vector<torch::Tensor> parts_;
  torch::Tensor total_;
  int arrived_ = 0;
  std::uint64_t round_ = 0;
  bool has_failed_ = false;
};

/// torch::nn::BatchNorm2d, x [B,C,H,W] -> the same shape (Ioffe and Szegedy 2015, algorithm 1),
/// with the same names of parameters and buffers. In training, statistics are those of all slices
/// within a SliceGroup::Scope, else those of x. Frozen, it normalises by the running statistics in
/// training, too, and weight and bias are buffers: torchvision's FrozenBatchNorm2d, by its names.
class BatchNorm2dImpl : public torch::nn::Module, public OnnxConvertible {
 public:
  /// Without a momentum in `options` the running statistics are cumulative averages.
  explicit BatchNorm2dImpl(const torch::nn::BatchNormOptions& options, bool is_frozen = false);
  explicit BatchNorm2dImpl(std::int64_t channels)
      : BatchNorm2dImpl(torch::nn::BatchNormOptions(channels)) {}

  torch::Tensor forward(const torch::Tensor& x);
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override;

  torch::nn::BatchNormOptions options;
  torch::Tensor weight, bias;               // [C]; undefined if not affine
  torch::Tensor running_mean, running_var;  // [C]
  torch::Tensor num_batches_tracked;        // 0-d i64; undefined if frozen
};
TORCH_MODULE(BatchNorm2d);

/// A batch norm of a network, LibTorch's or BatchNorm2d.
struct NamedBatchNorm {
  std::string name;  // of the module, "features.1"
  torch::nn::Module* module = nullptr;
  torch::Tensor running_mean, running_var;  // [C] f32; undefined if not tracked
};
std::vector<NamedBatchNorm> batch_norms(torch::nn::Module& network);

}  // namespace clew::nn
