// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/batch_norm.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <optional>
#include <string>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/export/onnx_graph.h"

namespace clew::nn {
namespace {

using torch::Tensor;

/// Slice of this thread.
struct CurrentSlice {
  std::shared_ptr<SliceGroup> group;  // null: no group
  int slice = 0;
};
thread_local CurrentSlice current;

/// values [C] as [1,C,1,1].
Tensor of_channels(const Tensor& values) { return values.view({1, -1, 1, 1}); }

/// Normalisation by mean and variance of all slices.
struct SlicedNorm : torch::autograd::Function<SlicedNorm> {
  /// mean [C], scale [C] = 1 / sqrt(variance + eps), over all `count` elements of a channel.
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& mean, const Tensor& scale, double count) {
    const auto normal = (x - of_channels(mean)) * of_channels(scale);
    context->save_for_backward({normal, scale});
    context->saved_data["count"] = count;
    return normal;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &normal = saved[0], &scale = saved[1];
    const auto& gradient = gradients[0];
    CLEW_CHECK(current.group != nullptr,
               "a batch norm over slices must go backward where it went "
               "forward");
    const auto sums = current.group->sum(
        current.slice, torch::stack({gradient.sum({0, 2, 3}), (gradient * normal).sum({0, 2, 3})}));
    const double count = context->saved_data["count"].toDouble();
    const auto own =
        (gradient - of_channels(sums[0]) / count - normal * (of_channels(sums[1]) / count)) *
        of_channels(scale);
    return {own, Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

SliceGroup::SliceGroup(int slices, std::function<void(const Tensor&)> all_reduce)
    : all_reduce_(std::move(all_reduce)), parts_(static_cast<std::size_t>(slices)) {}

Tensor SliceGroup::sum(int slice, const Tensor& values) {
  const torch::NoGradGuard no_grad;
  std::unique_lock lock(mutex_);
  const auto round = round_;
  parts_.at(static_cast<std::size_t>(slice)) = values.detach();
  if (++arrived_ == static_cast<int>(parts_.size())) {
    try {
      // Pairwise, as for gradients: the same sum for any number of processes.
      for (std::size_t stride = 1; stride < parts_.size(); stride *= 2)
        for (std::size_t i = 0; i + stride < parts_.size(); i += 2 * stride)
          parts_[i] = parts_[i] + parts_[i + stride];
      total_ = parts_[0].clone();
      if (all_reduce_) all_reduce_(total_);
    } catch (...) {
      has_failed_ = true;
      is_complete_.notify_all();
      throw;
    }
    arrived_ = 0;
    ++round_;
    is_complete_.notify_all();
  } else {
    is_complete_.wait(lock, [&] { return round_ != round || has_failed_; });
  }
  CLEW_CHECK(round_ != round, "another slice of the batch failed");
  return total_;
}

void SliceGroup::fail() {
  const std::lock_guard lock(mutex_);
  has_failed_ = true;
  is_complete_.notify_all();
}

namespace {

template <class Norm>
bool add_norm(const std::string& name, torch::nn::Module& module,
              std::vector<NamedBatchNorm>& all) {
  auto* norm = dynamic_cast<Norm*>(&module);
  if (norm == nullptr) return false;
  all.push_back({name, &module, norm->running_mean, norm->running_var});
  return true;
}

}  // namespace

std::vector<NamedBatchNorm> batch_norms(torch::nn::Module& network) {
  std::vector<NamedBatchNorm> all;
  for (const auto& item : network.named_modules("", false)) {
    auto& module = *item.value();
    (void)(add_norm<BatchNorm2dImpl>(item.key(), module, all) ||
           add_norm<torch::nn::BatchNorm2dImpl>(item.key(), module, all) ||
           add_norm<torch::nn::BatchNorm1dImpl>(item.key(), module, all) ||
           add_norm<torch::nn::BatchNorm3dImpl>(item.key(), module, all));
  }
  return all;
}

SliceGroup::Scope::Scope(std::shared_ptr<SliceGroup> group, int slice) {
  current = {std::move(group), slice};
}
SliceGroup::Scope::~Scope() { current = {}; }

BatchNorm2dImpl::BatchNorm2dImpl(const torch::nn::BatchNormOptions& the_options, bool is_frozen)
    : options(the_options) {
  const auto channels = options.num_features();
  CLEW_CHECK(options.track_running_stats(), "a batch norm of clew keeps running statistics");
  if (options.affine()) {
    const auto registered = [&](const char* name, Tensor value) {
      return is_frozen ? register_buffer(name, value) : register_parameter(name, value);
    };
    weight = registered("weight", torch::ones({channels}));
    bias = registered("bias", torch::zeros({channels}));
  }
  running_mean = register_buffer("running_mean", torch::zeros({channels}));
  running_var = register_buffer("running_var", torch::ones({channels}));
  if (!is_frozen)
    num_batches_tracked = register_buffer("num_batches_tracked", torch::zeros({}, torch::kInt64));
}

std::vector<OnnxValue> BatchNorm2dImpl::to_onnx(OnnxGraph& graph,
                                                const std::vector<OnnxValue>& inputs) const {
  const auto scale = weight.defined() ? weight : torch::ones_like(running_mean);
  const auto shift = bias.defined() ? bias : torch::zeros_like(running_mean);
  return {graph.batch_normalization(
      inputs.at(0),
      {graph.constant(scale, "weight"), graph.constant(shift, "bias"),
       graph.constant(running_mean, "running_mean"), graph.constant(running_var, "running_var")},
      options.eps())};
}

Tensor BatchNorm2dImpl::forward(const Tensor& x) {
  CLEW_CHECK(x.dim() == 4 && x.size(1) == options.num_features(), "a batch norm of ",
             options.num_features(), " channels is given [B,C,H,W], got ", x.sizes());
  const bool is_learning = is_training() && num_batches_tracked.defined();
  if (is_learning) num_batches_tracked += 1;
  const double momentum = options.momentum() ? *options.momentum()
                          : is_learning      ? 1 / num_batches_tracked.item<double>()
                                             : 0;
  if (current.group == nullptr || !is_learning) {
    CLEW_CHECK(!is_learning || x.numel() > x.size(1),
               "a batch norm needs more than one value a channel, got ", x.numel() / x.size(1));
    return torch::batch_norm(x, weight, bias, running_mean, running_var, is_learning, momentum,
                             options.eps(), false);
  }
  Tensor mean, variance;
  double count = 0;
  {
    const torch::NoGradGuard no_grad;
    const auto values = x.detach().to(torch::kFloat32);
    const auto own = torch::full({1}, static_cast<double>(x.numel() / x.size(1)));
    const auto sums = current.group->sum(current.slice, torch::cat({values.sum({0, 2, 3}), own}));
    count = sums[-1].item<double>();
    mean = sums.narrow(0, 0, x.size(1)) / count;
    variance =
        current.group->sum(current.slice, (values - of_channels(mean)).square().sum({0, 2, 3})) /
        count;
    CLEW_CHECK(count > 1, "a batch norm needs more than one value a channel, got ", count);
    running_mean.lerp_(mean, momentum);
    running_var.lerp_(variance * (count / (count - 1)), momentum);
  }
  const auto normal =
      SlicedNorm::apply(x.to(torch::kFloat32), mean, torch::rsqrt(variance + options.eps()), count);
  if (!weight.defined()) return normal.to(x.scalar_type());
  return (normal * of_channels(weight) + of_channels(bias)).to(x.scalar_type());
}

}  // namespace clew::nn
