// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/inference/fused_graph.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <list>
#include <mutex>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/inference/plan.h"
#include "clew/nn/inference/program.h"

namespace clew::nn {
namespace {

using torch::Tensor;

/// Assumed cache per thread: L2 and its share of L3.
constexpr double kCacheBytes = 8 << 20;

/// Images per part, at most `most`, with the least memory traffic: each part reads all weights, and
/// activations of a step stay in the cache only if they fit.
std::int64_t part_of(const Program& program, const std::vector<ValueShape>& shapes,
                     std::int64_t most) {
  const auto floats = [](std::int64_t count) { return 4.0 * static_cast<double>(count); };
  double weights = 0;
  std::vector<double> steps;
  for (const auto& step : program.steps) {
    if (step.weight.defined()) weights += floats(step.weight.numel());
    double bytes = floats(shapes[static_cast<std::size_t>(step.output)].count());
    for (const int input : step.inputs)
      bytes += floats(shapes[static_cast<std::size_t>(input)].count());
    steps.push_back(bytes);
  }
  std::int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t part = 1; part <= most; part *= 2) {
    double moved = weights / static_cast<double>(part);
    for (const double bytes : steps)
      if (bytes * static_cast<double>(part) > kCacheBytes) moved += bytes;
    if (moved >= least) continue;
    best = part;
    least = moved;
  }
  return best;
}

/// Scope of OpenMP's number of threads for making and running a plan.
struct PlanningThreads {
  explicit PlanningThreads(int threads) : before(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~PlanningThreads() { omp_set_num_threads(before); }
  PlanningThreads(const PlanningThreads&) = delete;
  PlanningThreads& operator=(const PlanningThreads&) = delete;
  int before;
};

}  // namespace

struct FusedGraph::Impl {
  Program program;
  FusedOptions options;
  ops::Precision precision = ops::Precision::kFp32;
  PackedWeights weights;

  std::mutex mutex;
  std::list<std::pair<PlanShape, std::shared_ptr<const Plan>>> plans;  // most recently used first

  std::shared_ptr<const Plan> plan(const PlanShape& shape) {
    const std::scoped_lock lock(mutex);
    const auto found = std::ranges::find(plans, shape, [](const auto& one) { return one.first; });
    if (found != plans.end()) {
      plans.splice(plans.begin(), plans, found);
    } else {
      const PlanningThreads planning(shape.threads);
      plans.emplace_front(shape, std::make_shared<const Plan>(program, shape, options.statistics,
                                                              precision, weights));
      if (plans.size() > static_cast<std::size_t>(options.plans)) plans.pop_back();
    }
    return plans.front().second;
  }
};

FusedGraph::FusedGraph(const LayerGraph& graph, const std::vector<LayerId>& wanted,
                       const FusedOptions& options)
    : impl_(std::make_unique<Impl>()) {
  CLEW_CHECK(!wanted.empty(), "a network without wanted layers has nothing to compute");
  const auto layers = static_cast<int>(graph.layers().size());
  for (const auto id : wanted)
    CLEW_CHECK(id.index >= 0 && id.index < layers, "a wanted layer must be in 0..", layers - 1,
               ", got ", id.index);
  const auto& [mean, deviation] = options.statistics;
  CLEW_CHECK(mean.size() == deviation.size() && (mean.empty() || mean.size() == 3),
             "statistics must be of 3 channels or none, got ", mean.size(), " means and ",
             deviation.size(), " deviations");
  for (const double one : deviation)
    CLEW_CHECK(one > 0, "a channel's deviation must be above 0, got ", one);
  CLEW_CHECK(options.plans > 0, "plans must be at least 1, got ", options.plans);
  impl_->program = lowered(graph, wanted);
  impl_->options = options;
  if (ops::resolve_precision(options.precision, ops::Products::kLibTorch) ==
      ops::PrecisionChoice::kBf16)
    impl_->precision = ops::Precision::kBf16;
}
FusedGraph::~FusedGraph() = default;
FusedGraph::FusedGraph(FusedGraph&&) noexcept = default;
FusedGraph& FusedGraph::operator=(FusedGraph&&) noexcept = default;

ops::Precision FusedGraph::precision() const { return impl_->precision; }

double FusedGraph::operations(std::int64_t height, std::int64_t width) const {
  return operations_of(impl_->program, shapes_of(impl_->program, height, width));
}

std::vector<Tensor> FusedGraph::run(const Tensor& images) const {
  const torch::NoGradGuard no_grad;
  CLEW_CHECK(images.defined() && images.dim() == 4 && images.size(1) == 3 &&
                 images.is_floating_point() && images.device().is_cpu(),
             "images must be [B,3,H,W] of real numbers on the CPU, got ",
             images.defined()
                 ? concat(images.sizes(), " of ", images.scalar_type(), " on ", images.device())
                 : "none");
  const auto x = images.detach().to(torch::kFloat32);
  const auto batch = x.size(0), height = x.size(2), width = x.size(3);
  const auto shapes = shapes_of(impl_->program, height, width);
  std::vector<Tensor> results;
  for (const int output : impl_->program.outputs) {
    const auto& shape = shapes[static_cast<std::size_t>(output)];
    results.push_back(shape.is_flat
                          ? torch::empty({batch, shape.channels})
                          : torch::empty({batch, shape.channels, shape.height, shape.width}));
  }
  if (batch == 0) return results;
  const auto compute = [&](const Plan& plan, std::int64_t begin, std::int64_t count) {
    std::vector<float*> outputs;
    for (const auto& result : results)
      outputs.push_back(result.data_ptr<float>() + begin * (result.numel() / batch));
    plan.run(x.narrow(0, begin, count), outputs);
  };
  const int threads = torch::get_num_threads();
  if (batch < threads || at::in_parallel_region()) {  // all threads compute one part
    const auto part = part_of(impl_->program, shapes, batch);
    for (std::int64_t begin = 0; begin < batch; begin += part) {
      const auto count = std::min(part, batch - begin);
      compute(*impl_->plan({count, height, width, at::in_parallel_region() ? 1 : threads}), begin,
              count);
    }
    return results;
  }
  // Parts per thread: one synchronisation per batch instead of per layer.
  const auto part = part_of(impl_->program, shapes, batch / threads);
  const auto whole = impl_->plan({part, height, width, 1});
  const auto rest = batch % part == 0 ? nullptr : impl_->plan({batch % part, height, width, 1});
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
    const torch::NoGradGuard no_grad_here;
    for (auto begin = next.fetch_add(part); begin < batch; begin = next.fetch_add(part))
      compute(begin + part <= batch ? *whole : *rest, begin, std::min(part, batch - begin));
  });
  return results;
}

FusedGraph fused_classifier(const BackboneImpl& backbone, ops::PrecisionChoice precision) {
  return {backbone,
          {backbone.logits()},
          {.statistics = backbone.statistics().channels, .precision = precision}};
}

FusedGraph fused_maps(const BackboneImpl& backbone, const std::vector<std::string>& names,
                      ops::PrecisionChoice precision) {
  std::vector<LayerId> wanted;
  for (const auto& name : names) wanted.push_back(backbone.feature_map(name).layer);
  return {backbone, wanted, {.statistics = backbone.statistics().channels, .precision = precision}};
}

}  // namespace clew::nn
