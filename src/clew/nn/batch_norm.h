// SPDX-License-Identifier: Apache-2.0
// Batch norm over slices of a batch that pass through replicas of a network at once.
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

/// Sums over the threads of the slices of one batch.
class SliceGroup {
 public:
  /// `sum_elsewhere` adds to a tensor what the slices of other processes have; it is called by one
  /// thread at a time.
  explicit SliceGroup(int slices, std::function<void(const torch::Tensor&)> sum_elsewhere = {});

  /// The sum of `values`, f32 or f64, over all slices, added in their order; every slice's thread
  /// makes the same calls. Blocks until all have. After fail() in any thread: clew::Error.
  torch::Tensor sum(int slice, const torch::Tensor& values);
  /// For a thread that makes no more calls because it failed.
  void fail();

  /// While it lives, batch norms of this thread are those of `slice` of a group.
  class Scope {
   public:
    Scope(std::shared_ptr<SliceGroup> group, int slice);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

 private:
  std::function<void(const torch::Tensor&)> sum_elsewhere_;
  std::mutex mutex_;
  std::condition_variable is_complete_;
  std::vector<torch::Tensor> parts_;
  torch::Tensor total_;
  int arrived_ = 0;
  std::uint64_t round_ = 0;
  bool has_failed_ = false;
};

/// torch::nn::BatchNorm2d, whose statistics in training are those of all slices while a
/// SliceGroup::Scope lives in its thread, and else those of what it is given: x [B,C,H,W] -> the
/// same shape (Ioffe and Szegedy 2015, algorithm 1). Parameters and buffers have the same names.
class BatchNorm2dImpl : public torch::nn::Module, public OnnxConvertible {
 public:
  /// Without a momentum in `options` the running statistics are the mean over all steps.
  explicit BatchNorm2dImpl(const torch::nn::BatchNormOptions& options);
  explicit BatchNorm2dImpl(std::int64_t channels)
      : BatchNorm2dImpl(torch::nn::BatchNormOptions(channels)) {}

  torch::Tensor forward(const torch::Tensor& x);
  std::vector<OnnxValue> to_onnx(OnnxGraph& graph,
                                 const std::vector<OnnxValue>& inputs) const override;

  torch::nn::BatchNormOptions options;
  torch::Tensor weight, bias;                                    // [C], undefined where not affine
  torch::Tensor running_mean, running_var, num_batches_tracked;  // [C], [C], 0-d i64
};
TORCH_MODULE(BatchNorm2d);

/// A batch norm of a network, LibTorch's or ours.
struct NamedBatchNorm {
  std::string name;  // of the module, "features.1"
  torch::nn::Module* module = nullptr;
  torch::Tensor running_mean, running_var;  // [C] f32, undefined where it keeps none
};
std::vector<NamedBatchNorm> batch_norms(torch::nn::Module& network);

}  // namespace clew::nn
