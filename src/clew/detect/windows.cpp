// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/windows.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/detect/losses.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::detect {
namespace {

using torch::Tensor;

/// IoU with objects; windows lie on a coarse grid, so that an object's best may overlap it by less than `high`.
constexpr ops::MatchOptions kWindowMatch{.high = 0.5, .low = 0.4, .allows_low_quality = true};

/// Windows along one side of a picture, which has zeros half a window wide at both ends.
std::int64_t windows_along(std::int64_t side) { return side / kWindowStride + 1; }

/// Edges [n,2] of them, in pixels of the picture before resizing.
Tensor edges_along(std::int64_t side, std::int64_t resized) {
  const auto centres =
      torch::arange(windows_along(resized), torch::kFloat32) * static_cast<double>(kWindowStride);
  const double half = static_cast<double>(kWindowSide) / 2,
               scale = static_cast<double>(side) / static_cast<double>(resized);
  return (torch::stack({centres - half, centres + half}, 1) * scale)
      .clamp(0, static_cast<double>(side));
}

}  // namespace

Tensor window_boxes(ops::ImageSize picture, ops::ImageSize resized) {
  const auto x = edges_along(picture.width, resized.width),
             y = edges_along(picture.height, resized.height);
  const auto rows = y.size(0), columns = x.size(0);
  const auto xs = x.unsqueeze(0).expand({rows, columns, 2}),
             ys = y.unsqueeze(1).expand({rows, columns, 2});
  return torch::stack({xs.select(2, 0), ys.select(2, 0), xs.select(2, 1), ys.select(2, 1)}, 2)
      .view({-1, 4});
}

Tensor window_labels(const Tensor& boxes, const Objects& objects) {
  TrainingOptions options;
  options.proposals = kWindowMatch;
  return proposal_targets(boxes,
                          {.boxes = objects.boxes.to(boxes.scalar_type()),
                           .labels = objects.labels,
                           .masks = {}},
                          options)
      .labels;
}

Tensor WindowPyramid::window(std::int64_t number) const {
  CLEW_CHECK(number >= 0 && number < boxes.size(0), "number of a window must be in 0..",
             boxes.size(0) - 1, ", got ", number);
  const auto columns = [&](std::size_t level) {
    return windows_along(pictures.at(level).size(3) - kWindowSide);
  };
  std::size_t level = 0;
  for (;; ++level) {
    const auto count = windows_along(pictures.at(level).size(2) - kWindowSide) * columns(level);
    if (number < count) break;
    number -= count;
  }
  return pictures[level]
      .narrow(2, number / columns(level) * kWindowStride, kWindowSide)
      .narrow(3, number % columns(level) * kWindowStride, kWindowSide);
}

WindowsImpl::WindowsImpl(const WindowsOptions& options)
    : options_(options), layers_(std::make_shared<nn::LayerGraph>()) {
  CLEW_CHECK(options.classes >= 2, "classes must be at least 2, the background and one more, got ",
             options.classes);
  CLEW_CHECK(!options.sizes.empty(), "windows must have at least one size, got none");
  auto& graph = *layers_;
  int number = 0;
  const auto block = [&](nn::LayerId x, std::int64_t out, std::int64_t kernel) {
    ++number;
    x = graph.convolution(concat("conv", number), x, {.out = out, .kernel = kernel, .padding = 0});
    return graph.activation(graph.batch_norm(concat("norm", number), x), nn::Activation::kRelu);
  };
  auto x = block(block(graph.input(), 32, 3), 32, 3);  // 28 x 28 of one window
  x = graph.max_pool(x, 2, 2);
  x = block(block(x, 64, 3), 64, 3);  // 10 x 10
  x = graph.max_pool(x, 2, 2);
  x = block(x, 128, 5);  // 1 x 1
  output_ =
      graph.convolution("logits", x, {.out = options.classes, .padding = 0, .has_bias = true});
  register_module("layers", layers_);
}

Tensor WindowsImpl::forward(const Tensor& images) const {
  return layers_->run(images, {output_})[0].to(torch::kFloat32);
}

WindowPyramid WindowsImpl::pyramid(const Tensor& image, std::int64_t short_side) const {
  CLEW_CHECK(image.defined() && image.dim() == 3 && image.size(0) == 3 &&
                 image.is_floating_point() && image.numel() > 0,
             "an image must be [3,H,W] f with H and W at least 1, got ", image.sizes(), " ",
             image.scalar_type());
  const torch::NoGradGuard no_grad;
  const auto normalised = ops::normalise(image.unsqueeze(0), options_.statistics);
  const ops::ImageSize size{image.size(1), image.size(2)};
  const auto shorter = static_cast<double>(std::min(size.height, size.width)),
             longer = static_cast<double>(std::max(size.height, size.width));
  const double scale =
      std::min(static_cast<double>(short_side > 0 ? short_side : options_.short_side) / shorter,
               static_cast<double>(options_.long_side) / longer);
  WindowPyramid result;
  std::vector<Tensor> boxes;
  for (const double window : options_.sizes) {
    const auto scaled = [&](std::int64_t side) {
      const double pixels =
          static_cast<double>(side) * scale * static_cast<double>(kWindowSide) / window;
      return std::max<std::int64_t>(1, std::llround(pixels));
    };
    const ops::ImageSize resized{scaled(size.height), scaled(size.width)};
    constexpr auto kHalf = kWindowSide / 2;
    result.pictures.push_back(torch::constant_pad_nd(
        torch::_upsample_bilinear2d_aa(normalised, {resized.height, resized.width}, false),
        {kHalf, kHalf, kHalf, kHalf}));
    boxes.push_back(window_boxes(size, resized));
  }
  result.boxes = torch::cat(boxes);
  return result;
}

Tensor WindowsImpl::logits(const WindowPyramid& pyramid, bool is_one_by_one) const {
  std::vector<Tensor> rows;
  if (is_one_by_one) {
    for (std::int64_t i = 0; i < pyramid.boxes.size(0); ++i)
      rows.push_back(forward(pyramid.window(i)).flatten(1));
  } else {
    for (const auto& picture : pyramid.pictures) rows.push_back(forward(picture)[0].flatten(1).t());
  }
  return torch::cat(rows);
}

std::vector<Detections> WindowsImpl::detect(const std::vector<Tensor>& images) {
  const torch::NoGradGuard no_grad;
  CLEW_CHECK(!images.empty(), "a detector needs at least one picture");
  std::vector<Detections> result;
  for (const auto& image : images) {
    const auto all = pyramid(image);
    const auto shares = torch::softmax(logits(all, options_.is_one_by_one), 1).slice(1, 1);
    const auto count = all.boxes.size(0), classes = options_.classes - 1;
    result.push_back(best_detections(
        {.boxes = all.boxes.unsqueeze(1).expand({count, classes, 4}).reshape({-1, 4}),
         .scores = shares.reshape({-1}),
         .labels = torch::arange(1, options_.classes, torch::kInt64).repeat({count}),
         .masks = {}},
        options_.detections));
  }
  return result;
}

DetectorLosses WindowsImpl::losses(const TrainingPictures& pictures, const Key& key,
                                   const TrainingOptions& options) {
  check_pictures(pictures, options_.classes);
  const auto samplers = random_samplers(key, options);
  std::vector<Tensor> cut, labels;
  for (std::size_t i = 0; i < pictures.images.size(); ++i) {
    const auto all = pyramid(pictures.images[i], pictures.short_side);
    const auto own = window_labels(all.boxes, pictures.objects[i]);
    const auto [positives, negatives] = samplers.proposals(i, own);
    const auto chosen = torch::cat({positives, negatives});
    labels.push_back(own.index_select(0, chosen));
    for (std::int64_t n = 0; n < chosen.numel(); ++n)
      cut.push_back(all.window(chosen[n].item<std::int64_t>()));
    // The batch norms of all slices wait for each other, so that none may go without a window.
    if (cut.empty() && i + 1 == pictures.images.size()) cut.push_back(all.window(0));
  }
  const auto own = forward(torch::cat(cut)).flatten(1);
  const auto wanted = torch::cat(labels);
  DetectorLosses losses;
  losses.classes = wanted.numel() == 0 ? own.sum() * 0 : torch::cross_entropy_loss(own, wanted);
  return losses;
}

}  // namespace clew::detect
