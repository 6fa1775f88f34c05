// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/masks.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <memory>
#include <string>

#include "clew/core/error.h"
#include "clew/ops/boxes/roi_align.h"

namespace clew::detect {
namespace {

constexpr std::size_t kWordBits = 64;

void fill_by_fan_out(const torch::Tensor& weight) {
  torch::nn::init::kaiming_normal_(weight, 0.0, torch::kFanOut, torch::kReLU);
}

}  // namespace

MaskHeadImpl::MaskHeadImpl(std::int64_t channels) {
  for (int i = 0; i < kMaskConvolutions; ++i) {
    const auto group = register_module(std::to_string(i), std::make_shared<torch::nn::Module>());
    convolutions_.push_back(group->register_module(
        "0", torch::nn::Conv2d(torch::nn::Conv2dOptions(channels, channels, 3).padding(1))));
    fill_by_fan_out(convolutions_.back()->weight);
    torch::nn::init::zeros_(convolutions_.back()->bias);
  }
}

torch::Tensor MaskHeadImpl::forward(torch::Tensor x) {
  for (auto& convolution : convolutions_) x = torch::relu(convolution->forward(x));
  return x;
}

MaskPredictorImpl::MaskPredictorImpl(std::int64_t channels, std::int64_t classes)
    : larger_(register_module(
          "conv5_mask", torch::nn::ConvTranspose2d(
                            torch::nn::ConvTranspose2dOptions(channels, channels, 2).stride(2)))),
      logits_(register_module("mask_fcn_logits", torch::nn::Conv2d(channels, classes, 1))) {
  fill_by_fan_out(larger_->weight);
  fill_by_fan_out(logits_->weight);
}

torch::Tensor MaskPredictorImpl::forward(const torch::Tensor& x, const torch::Tensor& labels) {
  const auto larger = torch::relu(larger_->forward(x));
  const auto weight = logits_->weight.flatten(1).index_select(0, labels).unsqueeze(1);  // [K,1,C]
  const auto bias = logits_->bias.index_select(0, labels).view({-1, 1, 1});
  return torch::baddbmm(bias, weight, larger.flatten(2))
      .view({x.size(0), larger.size(2), larger.size(3)});
}

torch::Tensor mask_targets(const torch::Tensor& masks, const torch::Tensor& boxes,
                           const torch::Tensor& objects) {
  const torch::NoGradGuard no_grad;
  if (boxes.size(0) == 0) return boxes.new_zeros({0, kMaskSide, kMaskSide});
  const auto rois = torch::cat({objects.to(boxes.scalar_type()).unsqueeze(1), boxes}, 1);
  return ops::roi_align(masks.unsqueeze(1).to(boxes.scalar_type()), rois,
                        {.height = kMaskSide, .width = kMaskSide})
      .squeeze(1);
}

torch::Tensor paste_mask(const torch::Tensor& mask, const torch::Tensor& box,
                         ops::ImageSize picture, double threshold) {
  const torch::NoGradGuard no_grad;
  CLEW_CHECK(mask.dim() == 2 && mask.size(0) == mask.size(1) && box.numel() == 4,
             "a mask must be [M,M] and its box [4], got ", mask.sizes(), " and ", box.sizes());
  auto result = torch::zeros({picture.height, picture.width}, torch::kUInt8);
  // A border of zeros, and the box larger by as much.
  const auto side = mask.size(0);
  const auto padded = torch::constant_pad_nd(mask.to(torch::kFloat32), {1, 1, 1, 1});
  const float ratio = static_cast<float>(side + 2) / static_cast<float>(side);
  const auto edges = box.to(torch::kCPU, torch::kFloat32).contiguous();
  const auto* const edge = edges.data_ptr<float>();
  struct Range {
    std::int64_t begin, size;  // of the stretched mask
    std::int64_t first, last;  // of it within the picture
  };
  const auto range = [&](std::int64_t axis, std::int64_t length) {
    const float centre = (edge[axis + 2] + edge[axis]) * 0.5F,
                half = (edge[axis + 2] - edge[axis]) * 0.5F * ratio;
    const auto begin = static_cast<std::int64_t>(centre - half),
               size =
                   std::max<std::int64_t>(static_cast<std::int64_t>(centre + half) - begin + 1, 1);
    return Range{begin, size, std::max<std::int64_t>(begin, 0), std::min(begin + size, length)};
  };
  const auto x = range(0, picture.width), y = range(1, picture.height);
  if (x.first >= x.last || y.first >= y.last) return result;
  const auto stretched = torch::upsample_bilinear2d(padded.view({1, 1, side + 2, side + 2}),
                                                    {y.size, x.size}, false)[0][0];
  result.slice(0, y.first, y.last)
      .slice(1, x.first, x.last)
      .copy_(stretched.slice(0, y.first - y.begin, y.last - y.begin)
                 .slice(1, x.first - x.begin, x.last - x.begin)
                 .gt(threshold));
  return result;
}

MaskBits::MaskBits(const torch::Tensor& mask) {
  const auto dense = mask.to(torch::kCPU, torch::kUInt8).contiguous();
  const auto* const pixels = dense.data_ptr<std::uint8_t>();
  const auto count = static_cast<std::size_t>(dense.numel());
  words_.resize((count + kWordBits - 1) / kWordBits);
  for (std::size_t i = 0; i < count; ++i)
    words_[i / kWordBits] |= static_cast<std::uint64_t>(pixels[i] != 0) << (i % kWordBits);
  for (const auto word : words_) area_ += std::popcount(word);
}

std::int64_t MaskBits::intersection(const MaskBits& other) const {
  CLEW_CHECK(other.words_.size() == words_.size(), "masks must have one size");
  std::int64_t pixels = 0;
  for (std::size_t i = 0; i < words_.size(); ++i)
    pixels += std::popcount(words_[i] & other.words_[i]);
  return pixels;
}

double MaskBits::iou(const MaskBits& truth, bool is_crowd) const {
  const auto both = intersection(truth);
  const auto whole = is_crowd ? area_ : area_ + truth.area_ - both;
  return whole == 0 ? 0 : static_cast<double>(both) / static_cast<double>(whole);
}

}  // namespace clew::detect
