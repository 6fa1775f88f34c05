// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/linear.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "clew/ops/autocast.h"
#include "clew/ops/checks.h"
#include "clew/ops/kernels.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::autograd::variable_list;

constexpr const char* kLinearName = "linear";

std::size_t size_of(const torch::Tensor& t, int axis) {
  return static_cast<std::size_t>(t.size(axis));
}

// c [m,n] from packed tiles and panels; n need not be a multiple of the vector size.
torch::Tensor product(const Kernels& kernels, const Workspace& workspace, bool is_units,
                      const GemmPiece& piece, std::size_t m, std::size_t n) {
  torch::Tensor out = torch::empty({static_cast<std::int64_t>(m), static_cast<std::int64_t>(n)});
  const auto multiply = is_units ? kernels.gemm_units : kernels.gemm;
  const std::size_t padded = kernels.padded(n);
  float* const to = out.data_ptr<float>();
  if (padded == n) {
    multiply(&piece, 1, m, n, to, n);
  } else {
    const Buffer wide = take_words(workspace, m * padded);
    multiply(&piece, 1, m, padded, floats(wide), padded);
    for (std::size_t r = 0; r < m; ++r) std::copy_n(floats(wide) + r * padded, n, to + r * n);
  }
  return out;
}

// Edges: x, weight, bias.
struct LinearNode : torch::autograd::Node {
  const Kernels* kernels = nullptr;
  LinearOptions options;
  SavedTensor x, weight, y;

  variable_list apply(variable_list&& upstream) override {
    refuse_second_derivative(kLinearName);
    variable_list grads(3);
    if (!upstream[0].defined()) return grads;
    const torch::Tensor& kept_x = x.get("the input", kLinearName);
    const torch::Tensor& w = weight.get("the weight", kLinearName);
    const std::size_t n = size_of(kept_x, 0), in = size_of(w, 1), out = size_of(w, 0);
    torch::Tensor d = upstream[0].contiguous();
    if (options.has_relu) {
      const float* const result = y.get("the output", kLinearName).data_ptr<float>();
      const float* const from = d.data_ptr<float>();
      torch::Tensor masked = torch::empty_like(d);
      float* const to = masked.data_ptr<float>();
      for (std::size_t i = 0; i < n * out; ++i) to[i] = result[i] == 0 ? 0 : from[i];
      d = std::move(masked);
    }
    const float* const g = d.data_ptr<float>();
    if (task_should_compute_output(0)) {
      const Buffer tiles = take_words(options.workspace, n * kernels->tile_words(out));
      kernels->pack_a(g, out, n, out, words(tiles));
      const Buffer panels =
          take_words(options.workspace, kernels->words(out) * kernels->padded(in));
      kernels->pack_b(w.data_ptr<float>(), in, out, in, words(panels));
      grads[0] = product(*kernels, options.workspace, false,
                         {words(tiles), words(panels), kernels->words(out)}, n, in);
    }
    if (task_should_compute_output(1)) {
      const std::size_t units = kernels->words(n);
      const Buffer tiles = take_words(options.workspace, units * out);
      kernels->pack_a_units(g, out, n, out, words(tiles));
      const Buffer panels = take_words(options.workspace, units * kernels->padded(in));
      kernels->pack_b(kept_x.data_ptr<float>(), in, n, in, words(panels));
      grads[1] =
          product(*kernels, options.workspace, true, {words(tiles), words(panels), units}, out, in);
    }
    if (task_should_compute_output(2)) {
      grads[2] = torch::zeros({w.size(0)});
      float* const sum = grads[2].data_ptr<float>();
      for (std::size_t r = 0; r < n; ++r)
        for (std::size_t j = 0; j < out; ++j) sum[j] += g[r * out + j];
    }
    return grads;
  }
  std::string name() const override { return "clew::Linear"; }
};

}  // namespace

torch::Tensor linear(const torch::Tensor& x_given, const torch::Tensor& weight,
                     const torch::Tensor& bias, const LinearOptions& options) {
  CLEW_CHECK(weight.defined() && weight.dim() == 2 && weight.numel() > 0,
             "weight must be [O,I], got ",
             weight.defined() ? concat(weight.sizes()) : "an undefined tensor", " (linear)");
  check_weights(kLinearName,
                {{"weight", &weight, weight.sizes().vec()}, {"bias", &bias, {weight.size(0)}}});
  CLEW_CHECK(x_given.defined() && x_given.dim() == 2 && x_given.size(0) > 0 &&
                 x_given.size(1) == weight.size(1),
             "x must be [N,", weight.size(1), "] with N > 0, got ",
             x_given.defined() ? concat(x_given.sizes()) : "an undefined tensor", " (linear)");
  const auto libtorch = [&] {
    const torch::Tensor y = torch::linear(x_given, weight, bias);
    return options.has_relu ? torch::relu(y) : y;
  };
  if (is_tracing() || is_autocast()) return libtorch();
  CLEW_CHECK(x_given.scalar_type() == weight.scalar_type() && x_given.device() == weight.device(),
             "x must be ", weight.scalar_type(), " on ", weight.device(), " as the weight, got ",
             x_given.scalar_type(), " on ", x_given.device(), " (linear)");
  const Kernels* const kernels = weight.device().is_cpu() && weight.scalar_type() == torch::kFloat32
                                     ? ops::kernels(options.precision)
                                     : nullptr;
  if (kernels == nullptr) return libtorch();

  const torch::Tensor x = x_given.detach().contiguous(), w = weight.detach().contiguous(),
                      b = bias.detach().contiguous();
  const std::size_t n = size_of(x, 0), in = size_of(x, 1), out = size_of(w, 0);
  torch::Tensor y;
  {
    const Buffer tiles = take_words(options.workspace, n * kernels->tile_words(in));
    kernels->pack_a(x.data_ptr<float>(), in, n, in, words(tiles));
    const Buffer panels = take_words(options.workspace, kernels->words(in) * kernels->padded(out));
    kernels->pack_b_transposed(w.data_ptr<float>(), in, out, in, words(panels));
    y = product(*kernels, options.workspace, false,
                {words(tiles), words(panels), kernels->words(in)}, n, out);
  }
  float* const to = y.data_ptr<float>();
  const float* const add = b.data_ptr<float>();
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t j = 0; j < out; ++j) {
      const float value = to[r * out + j] + add[j];
      to[r * out + j] = options.has_relu && value < 0 ? 0 : value;  // keeps NaN
    }
  if (torch::autograd::compute_requires_grad(x_given, weight, bias)) {
    const auto node = make_node<LinearNode>();
    node->kernels = kernels;
    node->options = options;
    node->x = SavedTensor(x);
    node->weight = SavedTensor(w);
    node->set_next_edges(torch::autograd::collect_next_edges(x_given, weight, bias));
    torch::autograd::set_history(y, node);
    node->y = SavedTensor(y);
  }
  return y;
}

}  // namespace clew::ops
