// SPDX-License-Identifier: Apache-2.0
// Sampler: argument checks, graph node, and work distribution. Computation: sampler_rows.h,
// sampler_fast.h.
#include "clew/ops/sampler.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/sampler_fast.h"
#include "clew/ops/sampler_rows.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

const char* name_of(bool is_affine) { return is_affine ? "affine_sample" : "grid_sample"; }

// Grain size of a parallel loop.
std::int64_t grain(std::int64_t numbers_each) {
  return std::max<std::int64_t>(1, 16384 / std::max<std::int64_t>(1, numbers_each));
}

// Calls f with rows or strips [begin, end) of each image in a flat range.
template <class F>
void each_image(std::int64_t begin, std::int64_t end, std::int64_t height, const F& call) {
  for (std::int64_t r = begin; r < end;) {
    const std::int64_t b = r / height, last = std::min(end, (b + 1) * height);
    call(b, r - b * height, last - b * height);
    r = last;
  }
}

template <class Rows, class T>
void run_forward(const SampleJob<T>& job) {
  at::parallel_for(0, job.batch * job.out_h, grain(job.channels * job.out_w),
                   [&](std::int64_t first, std::int64_t last) {
                     Rows rows(job);
                     each_image(first, last, job.out_h,
                                [&](auto b, auto begin, auto end) { rows.forward(b, begin, end); });
                   });
}

// A pixel's gradient is summed by one thread, row by row, and a row's coordinates' channel by
// channel, so that the bits do not depend on the work distribution.
template <class Rows, class T>
void run_backward(const SampleJob<T>& job) {
  const bool has_input = job.d_input != nullptr, has_theta = job.d_theta != nullptr,
             has_coordinates = has_theta || job.d_grid != nullptr;
  const std::int64_t height = job.out_h, channels = job.channels;
  if (job.batch >= at::get_num_threads()) {
    at::parallel_for(0, job.batch, 1, [&](std::int64_t first, std::int64_t last) {
      Rows rows(job);
      std::vector<CoordinateSums> sums(has_theta ? strips(height) : 0);
      for (std::int64_t b = first; b < last; ++b) {
        std::ranges::fill(sums, CoordinateSums());
        rows.backward(b, 0, height,
                      {0, channels, has_input, has_coordinates, has_theta ? sums.data() : nullptr});
        if (has_theta) finish_theta(job, b, sums.data());
      }
    });
    return;
  }
  if (has_input) {
    at::parallel_for(0, job.batch * channels, 1, [&](std::int64_t first, std::int64_t last) {
      Rows rows(job);
      for (std::int64_t plane = first; plane < last; ++plane) {
        const std::int64_t c = plane % channels;
        rows.backward(plane / channels, 0, height, {c, c + 1, true, false, nullptr});
      }
    });
  }
  if (has_coordinates) {
    const std::int64_t each = strips(height);
    std::vector<CoordinateSums> sums(has_theta ? job.batch * each : 0);
    at::parallel_for(0, job.batch * each, grain(channels * job.out_w * kStrip),
                     [&](std::int64_t first, std::int64_t last) {
                       Rows rows(job);
                       each_image(first, last, each, [&](auto b, auto begin, auto end) {
                         rows.backward(b, begin * kStrip, std::min(end * kStrip, height),
                                       {0, channels, false, true,
                                        has_theta ? &sums[b * each + begin] : nullptr});
                       });
                     });
    for (std::int64_t b = 0; has_theta && b < job.batch; ++b) finish_theta(job, b, &sums[b * each]);
  }
}

// The same by groups of channels: one thread per group for the image's gradient, per image for the
// coordinates'.
void run_groups(const SampleJob<float>& job, const SampleKernels& kernels, std::int64_t groups) {
  const auto scratch = [&] {
    return std::make_unique_for_overwrite<float[]>(static_cast<std::size_t>(sample_scratch(job)));
  };
  const auto each_group = [&](auto kernel) {
    at::parallel_for(0, job.batch * groups, 1, [&](std::int64_t first, std::int64_t last) {
      const auto memory = scratch();
      for (std::int64_t g = first; g < last; ++g) kernel(job, g / groups, g % groups, memory.get());
    });
  };
  if (job.output != nullptr) return each_group(kernels.forward_group);
  if (job.d_input != nullptr) each_group(kernels.image_group);
  if (job.d_theta == nullptr && job.d_grid == nullptr) return;
  at::parallel_for(0, job.batch, 1, [&](std::int64_t first, std::int64_t last) {
    const auto memory = scratch();
    std::vector<CoordinateSums> sums(job.d_theta != nullptr ? strips(job.out_h) : 0);
    for (std::int64_t b = first; b < last; ++b) {
      std::ranges::fill(sums, CoordinateSums());
      for (std::int64_t g = 0; g < groups; ++g)
        kernels.coordinates_group(job, b, g, job.d_theta != nullptr ? sums.data() : nullptr,
                                  memory.get());
      if (job.d_theta != nullptr) finish_theta(job, b, sums.data());
    }
  });
}

template <class T>
void run(const SampleJob<T>& job) {
  if (job.batch == 0) return;
  const auto with = [&]<class Rows>(const Rows*) {
    job.output != nullptr ? run_forward<Rows>(job) : run_backward<Rows>(job);
  };
  if constexpr (std::is_same_v<T, float>) {
    if (const SampleKernels* const kernels = sample_kernels(job)) {
      const std::int64_t groups = sample_groups(job);
      if (groups > 0) return run_groups(job, *kernels, groups);
      return with(static_cast<FastSampleRows*>(nullptr));
    }
  }
  const auto with_kernel = [&]<class Kernel>(Kernel) {
    with(static_cast<SampleRows<T, Kernel>*>(nullptr));
  };
  switch (job.options.kernel) {
    case SampleKernel::kBilinear:
      return with_kernel(BilinearKernel());
    case SampleKernel::kNearest:
      return with_kernel(NearestKernel());
    case SampleKernel::kBicubic:
      return with_kernel(BicubicKernel());
  }
}

// Arguments of forward and backward of one call; tensors are dense.
struct SamplerCall {
  bool is_affine = false;
  ImageSize size;
  SampleOptions options;

  template <class T>
  SampleJob<T> job(const Tensor& input, const Tensor& coordinates) const {
    const T* const from = coordinates.data_ptr<T>();
    return {.batch = input.size(0),
            .channels = input.size(1),
            .in_h = input.size(2),
            .in_w = input.size(3),
            .out_h = size.height,
            .out_w = size.width,
            .options = options,
            .input = input.data_ptr<T>(),
            .grid = is_affine ? nullptr : from,
            .theta = is_affine ? from : nullptr};
  }
};

// Edges: input, coordinates.
struct SampleNode : torch::autograd::Node {
  SamplerCall call;
  SavedTensor input, coordinates;

  template <class T>
  void fill(const Tensor& up, const Tensor& d_input, const Tensor& d_coordinates) const {
    SampleJob<T> job = call.job<T>(
        input.get("the input", name_of(call.is_affine)),
        coordinates.get(call.is_affine ? "theta" : "the grid", name_of(call.is_affine)));
    job.upstream = up.data_ptr<T>();
    job.d_input = d_input.defined() ? d_input.data_ptr<T>() : nullptr;
    (call.is_affine ? job.d_theta : job.d_grid) =
        d_coordinates.defined() ? d_coordinates.data_ptr<T>() : nullptr;
    run(job);
  }

  variable_list apply(variable_list&& upstream) override {
    CLEW_CHECK(!at::GradMode::is_enabled(), name_of(call.is_affine),
               " has no second derivative: backward must not be called with create_graph");
    variable_list grads(2);
    if (!upstream[0].defined()) return grads;
    const Tensor up = upstream[0].contiguous();
    const char* const where = name_of(call.is_affine);
    if (task_should_compute_output(0)) grads[0] = torch::empty_like(input.get("the input", where));
    if (task_should_compute_output(1))
      grads[1] = torch::empty_like(coordinates.get("the coordinates", where));
    if (grads[0].defined() || grads[1].defined())
      up.scalar_type() == torch::kFloat64 ? fill<double>(up, grads[0], grads[1])
                                          : fill<float>(up, grads[0], grads[1]);
    return grads;
  }
  std::string name() const override { return "clew::Sample"; }
};

std::string shape_of(const Tensor& t) {
  return t.defined() ? concat(t.sizes(), " ", t.scalar_type(), " on ", t.device())
                     : "an undefined tensor";
}

bool is_short(const Tensor& input) {
  return input.scalar_type() == torch::kBFloat16 || input.scalar_type() == torch::kFloat16;
}

void check_input(const Tensor& input, const char* where) {
  CLEW_CHECK(input.defined() && input.dim() == 4 && input.size(1) > 0 && input.size(2) > 0 &&
                 input.size(3) > 0,
             "input must be [B,C,H,W] with C, H and W at least 1, got ", shape_of(input), " (",
             where, ")");
  CLEW_CHECK(input.scalar_type() == torch::kFloat32 || input.scalar_type() == torch::kFloat64 ||
                 is_short(input),
             "input must be f32, f64, bf16 or f16, got ", shape_of(input), " (", where, ")");
}

void check_coordinates(const Tensor& coordinates, const char* name, const Tensor& input,
                       const char* where) {
  const auto type = coordinate_type(input);
  CLEW_CHECK(coordinates.scalar_type() == type && coordinates.device() == input.device(), name,
             " must be ", type, " on ", input.device(), " for the input ", shape_of(input),
             ", got ", shape_of(coordinates), " (", where, ")");
}

Tensor sample(const Tensor& input_given, const Tensor& coordinates_given, const SamplerCall& call) {
  const Tensor input = input_given.detach().contiguous(),
               coordinates = coordinates_given.detach().contiguous();
  Tensor output = torch::empty({input.size(0), input.size(1), call.size.height, call.size.width},
                               input.options());
  const auto run_on = [&]<class T>(T) {
    SampleJob<T> job = call.job<T>(input, coordinates);
    job.output = output.data_ptr<T>();
    run(job);
  };
  input.scalar_type() == torch::kFloat64 ? run_on(double{}) : run_on(float{});
  if (torch::autograd::compute_requires_grad(input_given, coordinates_given)) {
    const auto node = make_node<SampleNode>();
    node->call = call;
    node->input = SavedTensor(input);
    node->coordinates = SavedTensor(coordinates);
    node->set_next_edges(torch::autograd::collect_next_edges(input_given, coordinates_given));
    torch::autograd::set_history(output, node);
  }
  return output;
}

}  // namespace

torch::Dtype coordinate_type(const Tensor& input) {
  return is_short(input) ? torch::kFloat32 : input.scalar_type();
}

Tensor identity_grid(ImageSize size, bool align_corners,
                     const torch::TensorOptions& tensor_options) {
  CLEW_CHECK(size.height > 0 && size.width > 0, "size must be at least 1x1, got ", size.height, "x",
             size.width, " (identity_grid)");
  const auto coordinates = [&](std::int64_t n) {
    return torch::arange(1 - n, n, 2, tensor_options) /
           static_cast<double>(place_divisor(n, align_corners));
  };
  return torch::stack({coordinates(size.width).expand({size.height, size.width}),
                       coordinates(size.height).unsqueeze(1).expand({size.height, size.width})},
                      2);
}

Tensor grid_sample(const Tensor& input, const Tensor& grid, const SampleOptions& options) {
  const char* const where = name_of(false);
  check_input(input, where);
  CLEW_CHECK(grid.defined() && grid.dim() == 4 && grid.size(0) == input.size(0) &&
                 grid.size(1) > 0 && grid.size(2) > 0 && grid.size(3) == 2,
             "grid must be [", input.size(0), ",h,w,2] with h and w at least 1, got ",
             shape_of(grid), " (grid_sample)");
  check_coordinates(grid, "grid", input, where);
  if (is_short(input))
    return grid_sample(input.to(torch::kFloat32), grid, options).to(input.scalar_type());
  if (!input.device().is_cpu() || is_tracing())
    return torch::grid_sampler(input, grid, static_cast<int>(options.kernel),
                               static_cast<int>(options.border), options.align_corners);
  return sample(input, grid, {false, {grid.size(1), grid.size(2)}, options});
}

Tensor affine_sample(const Tensor& input, const Tensor& theta, ImageSize size,
                     const SampleOptions& options) {
  const char* const where = name_of(true);
  check_input(input, where);
  CLEW_CHECK(theta.defined() && theta.dim() == 3 && theta.size(0) == input.size(0) &&
                 theta.size(1) == 2 && theta.size(2) == 3,
             "theta must be [", input.size(0), ",2,3], got ", shape_of(theta), " (affine_sample)");
  check_coordinates(theta, "theta", input, where);
  CLEW_CHECK(size.height > 0 && size.width > 0, "size must be at least 1x1, got ", size.height, "x",
             size.width, " (affine_sample)");
  if (is_short(input))
    return affine_sample(input.to(torch::kFloat32), theta, size, options).to(input.scalar_type());
  if (!input.device().is_cpu()) {
    const Tensor grid = torch::affine_grid_generator(
        theta, {input.size(0), input.size(1), size.height, size.width}, options.align_corners);
    return grid_sample(input, grid, options);
  }
  if (is_tracing()) {
    // Without the batch size, which a trace would record as a constant.
    const Tensor coordinates =
        identity_grid(size, options.align_corners, theta.options()).view({-1, 2});
    const Tensor base = torch::cat({coordinates, torch::ones_like(coordinates).slice(1, 0, 1)}, 1);
    const Tensor grid =
        torch::matmul(base, theta.transpose(1, 2)).view({-1, size.height, size.width, 2});
    return grid_sample(input, grid, options);
  }
  return sample(input, theta, {true, size, options});
}

}  // namespace clew::ops
