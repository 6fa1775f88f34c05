// SPDX-License-Identifier: Apache-2.0
// Warping of a batch of images, forward and backward with gradients to images and transforms,
// alternating with LibTorch's operators in the same run.
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "bench.h"
#include "clew/core/error.h"
#include "clew/core/memory.h"
#include "clew/ops/sampler.h"

namespace clew::bench {
namespace {

using torch::Tensor;

struct Shape {
  std::int64_t batch, channels, in, out;
  std::string text() const {
    return concat('[', batch, ',', channels, ',', in, ',', in, ']',
                  in == out ? "" : concat("->", out, 'x', out));
  }
  /// Minimal memory traffic: forward reads images and writes outputs; backward reads images and the
  /// outputs' gradient and writes the images'.
  double bytes() const {
    return 4.0 * static_cast<double>(batch * channels * (3 * in * in + 2 * out * out));
  }
};
constexpr Shape kShapes[] = {{64, 1, 42, 42}, {16, 16, 84, 84}, {256, 3, 224, 112}};
constexpr std::int64_t kLarge = 1 << 24;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> times) {
  std::ranges::sort(times);
  return times[times.size() / 2];
}

/// Rotation by up to 45 degrees, scale of 0.7 to 1.2, and translation, as in the paper.
Tensor thetas(std::int64_t batch) {
  const Tensor angle = (2 * torch::rand({batch}) - 1) * (M_PI / 4);
  const Tensor scale = 0.7 + 0.5 * torch::rand({batch}),
               shift = 0.4 * torch::rand({2, batch}) - 0.2;
  const Tensor c = scale * angle.cos(), s = scale * angle.sin();
  return torch::stack({c, -s, shift[0], s, c, shift[1]}, 1).view({batch, 2, 3});
}

Json row(const Shape& shape, bool is_affine, int threads, double budget, double copied_a_second) {
  const Tensor images =
      torch::randn({shape.batch, shape.channels, shape.in, shape.in}).requires_grad_();
  const Tensor theta = thetas(shape.batch).requires_grad_();
  const std::int64_t out[] = {shape.batch, shape.channels, shape.out, shape.out};
  const Tensor up = torch::randn(out);
  const Tensor grid = torch::affine_grid_generator(theta, out, false).detach().requires_grad_();
  const Tensor coordinates = is_affine ? theta : grid;
  const auto ours = [&] {
    const Tensor result = is_affine ? ops::affine_sample(images, theta, {shape.out, shape.out})
                                    : ops::grid_sample(images, grid);
    torch::autograd::grad({result}, {images, coordinates}, {up});
  };
  const auto theirs = [&] {
    const Tensor at = is_affine ? torch::affine_grid_generator(theta, out, false) : grid;
    torch::autograd::grad({torch::grid_sampler(images, at, 0, 0, false)}, {images, coordinates},
                          {up});
  };
  ours();
  theirs();
  std::vector<double> times, peer_times;
  for (double spent = 0; times.size() < 5 || spent < budget; spent += times.back()) {
    times.push_back(seconds_of(ours));
    peer_times.push_back(seconds_of(theirs));
  }
  const double copy_ms = shape.bytes() / copied_a_second * 1e3;
  const double ms = median(times) * 1e3, torch_ms = median(peer_times) * 1e3;
  return {{"shape", shape.text()},
          {"threads", threads},
          {"ms", ms},
          {"torch_ms", torch_ms},
          {"speedup", torch_ms / ms},
          {"best_ms", *std::ranges::min_element(times) * 1e3},
          {"copy_ms", copy_ms},
          {"share_of_copy", copy_ms / ms}};
}

}  // namespace

Json warp_rows(const WarpOptions& options) {
  keep_freed_memory();  // as training does
  const int before = torch::get_num_threads();
  Json rows = Json::array();
  for (int threads = 1; threads <= options.threads; ++threads) {
    double copied_a_second = 0;
    for (const auto& peak :
         peak_rows({.threads = threads, .seconds = std::min(0.2, options.seconds)}))
      if (peak["what"] == "copy") copied_a_second = peak["gbytes_per_second"].get<double>() * 1e9;
    torch::set_num_threads(threads);
    torch::manual_seed(1);
    for (const Shape& shape : kShapes) {
      if (shape.batch * shape.channels * shape.in * shape.in > kLarge && !options.has_large)
        continue;
      rows.push_back(row(shape, options.coordinates == Coordinates::kAffine, threads,
                         options.seconds, copied_a_second));
    }
  }
  torch::set_num_threads(before);
  return rows;
}

}  // namespace clew::bench
