// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/locate.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "clew/core/error.h"
#include "clew/data/digits_config.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::warp {
namespace {

using torch::Tensor;

constexpr std::uint64_t kLocateDigits = 1, kLocatePictures = 2;
constexpr const char* kPieces = "pieces";
constexpr std::int64_t kLayers = 3, kMeasured = 256;
/// Layer weights, in forward order: the last layers distinguish a whole digit from a part.
constexpr std::array<double, kLayers> kLayerWeights = {0.3, 0.7, 2};
constexpr double kLeast = 0.3;  // of a digit's norm: crops below are nearly empty

/// Localisation network: two convolutions and a spatial soft-argmax of each feature map, (x,y) in
/// [-1,1]. The paper's fully connected layers must learn each position separately, for which a
/// hundred pictures are too few; this is translation-equivariant.
struct MassesImpl : torch::nn::Module {
  static constexpr std::int64_t kMaps = 8, kFeatures = 2 * kMaps;
  static constexpr double kSharpness = 32;  // inverse temperature, against a uniform initial map

  MassesImpl() {
    namespace tnn = torch::nn;
    conv1 =
        register_module("conv1", tnn::Conv2d(tnn::Conv2dOptions(1, kMaps, 9).stride(4).padding(4)));
    conv2 = register_module("conv2", tnn::Conv2d(tnn::Conv2dOptions(kMaps, kMaps, 5).padding(2)));
  }
  /// images [B,1,H,W] f32 -> [B,16] f32: x of each map, then y.
  Tensor forward(const Tensor& images) {
    const auto maps = conv2->forward(torch::relu(conv1->forward(images)));
    const auto mass = torch::softmax(kSharpness * maps.flatten(2), 2).view_as(maps);
    const auto mean = [&](const Tensor& along) {
      return (along * torch::linspace(-1, 1, along.size(2), along.options())).sum(2);
    };
    return torch::cat({mean(mass.sum(2)), mean(mass.sum(3))}, 1);
  }

  torch::nn::Conv2d conv1{nullptr}, conv2{nullptr};
};
TORCH_MODULE(Masses);

std::string cuts_of(std::size_t start) { return concat("cuts", start); }
std::string boxes_of(std::size_t start) { return concat("boxes", start); }

std::shared_ptr<const data::Digits> make_digits(const LocateConfig& config) {
  data::DigitsConfig digits;
  digits.source = config.data.source;
  digits.dir = config.data.dir;
  digits.validation_share = 0;
  return data::make_plain_digits(digits, data::Split::kTrain,
                                 fold_in(Key{config.seed}, kLocateDigits));
}

/// Pictures with columns piece and jitter, drawn from get's key.
class WithPieces : public data::Dataset {
 public:
  explicit WithPieces(const LocateConfig& config)
      : digits_(make_digits(config),
                {.digit = config.data.digit,
                 .count = config.data.count,
                 .patches = config.data.patches,
                 .draw = {.key = fold_in(Key{config.seed}, kLocatePictures), .is_fixed = true}}) {
    CLEW_CHECK(digits_.size() == config.data.count, "data.count = ", config.data.count,
               " pictures of the digit ", config.data.digit, " were wanted, the data set has ",
               digits_.size());
  }
  std::int64_t size() const override { return digits_.size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    auto example = digits_.get(index, key);
    Stream stream(fold_in(key, 1));
    const auto side = static_cast<float>(example["image"].size(1));
    const float room = 1 - data::kDigitSide / side;  // range of the patch's centre, either way
    std::array<float, 4> drawn = {};
    for (auto& value : drawn) value = 2 * stream.uniform() - 1;
    example.set("piece", torch::tensor({drawn[0] * room, drawn[1] * room}));
    example.set("jitter", torch::tensor({drawn[2], drawn[3]}));
    return example;
  }
  data::Columns columns() const override {
    auto columns = digits_.columns();
    columns.push_back({.name = "piece",
                       .shape = {2},
                       .type = torch::kFloat32,
                       .meaning = "centre (x,y) of a random piece of 28x28 pixels, in [-1,1]"});
    columns.push_back({.name = "jitter",
                       .shape = {2},
                       .type = torch::kFloat32,
                       .meaning = "direction (x,y) in which training moves a box, in [-1,1]"});
    return columns;
  }

 private:
  data::LocatedDigits digits_;
};

}  // namespace

LocatorImpl::LocatorImpl(const LocateConfig& config, std::int64_t side)
    : side_(side), scale_(config.scale), scale_rate_(config.scale_rate) {
  for (std::int64_t i = 0; i < config.starts; ++i) {
    const SpatialTransformerOptions options = {.transform = TransformKind::kAttention,
                                               .features = MassesImpl::kFeatures,
                                               .output_size = {data::kDigitSide, data::kDigitSide},
                                               .initial = {config.scale, 0, 0}};
    transformers.push_back(
        register_module(concat("transformer", i), SpatialTransformer(Masses(), options)));
  }
  lengths = register_buffer("lengths", torch::ones({kLayers}));
  encoder = register_module(
      "encoder", DigitNetwork(config.encoder_network, DigitShape{.side = data::kDigitSide}));
}

Tensor LocatorImpl::cut(std::size_t start, const Tensor& images, const Tensor& steps) {
  auto& transformer = transformers.at(start);
  const auto told = transformer->locate(images);
  const auto scale = scale_ + scale_rate_ * (told.narrow(1, 0, 1) - scale_);
  const auto centre = told.narrow(1, 1, 2);
  found_ = torch::cat({scale, centre}, 1).detach();
  const auto moved = steps.defined() ? centre + steps * (2 / static_cast<double>(side_)) : centre;
  return transformer->warp(images, torch::cat({scale, moved}, 1));
}

std::vector<Tensor> LocatorImpl::ink(const Tensor& cuts) {
  auto layers = encoder->activations(cuts);
  const auto empty = encoder->activations(torch::zeros_like(cuts.narrow(0, 0, 1)));
  for (std::size_t i = 0; i < layers.size(); ++i)
    layers[i] = (layers[i] - empty[i].detach()).flatten(1);
  return layers;
}

Tensor LocatorImpl::features(const Tensor& cuts) {
  auto parts = ink(cuts);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto least = (kLeast * lengths[static_cast<std::int64_t>(i)]).square();
    const auto length = (parts[i].square().sum(1, true) + least).sqrt();
    parts[i] = parts[i] / length * std::sqrt(kLayerWeights[i]);
  }
  return torch::cat(parts, 1);
}

void LocatorImpl::measure(const Tensor& digits) {
  const torch::NoGradGuard no_grad;
  const auto parts = ink(digits);
  for (std::size_t i = 0; i < parts.size(); ++i)
    lengths[static_cast<std::int64_t>(i)] = parts[i].square().sum(1).mean().sqrt();
}

Tensor LocatorImpl::boxes() const {
  const auto half = found_.narrow(1, 0, 1).abs(), centre = found_.narrow(1, 1, 2);
  return (torch::cat({centre - half, centre + half}, 1) + 1) / 2 * static_cast<double>(side_);
}

Tensor pair_hinge(const Tensor& cuts, const Tensor& pieces, double margin, double apart) {
  CLEW_CHECK(cuts.dim() == 2 && cuts.sizes() == pieces.sizes() && cuts.size(0) >= 2,
             "cuts and pieces must be [B,F] with B of at least 2, got ", cuts.sizes(), " and ",
             pieces.sizes(), " (pair_hinge)");
  const auto count = cuts.size(0);
  const auto square = cuts.square().sum(1);
  const auto between = (square.unsqueeze(1) + square.unsqueeze(0) - 2 * torch::mm(cuts, cuts.t()));
  const auto away = (cuts - pieces).square().sum(1, true);
  const auto hinge = torch::relu(between - apart * away + margin);
  const auto others = 1 - torch::eye(count, cuts.options());
  return (hinge * others).sum() / static_cast<double>(count * (count - 1));
}

LocateTask::LocateTask(const LocateConfig& config)
    : config_(config),
      set_(std::make_unique<WithPieces>(config)),
      side_(set_->get(0, Key{})["image"].size(1)) {}

std::shared_ptr<torch::nn::Module> LocateTask::make_network() const {
  return Locator(config_, side_).ptr();
}

Tensor LocateTask::plain_digits() const {
  const auto digits = make_digits(config_);
  std::vector<std::int64_t> plain(
      static_cast<std::size_t>(std::min<std::int64_t>(kMeasured, digits->size())));
  std::iota(plain.begin(), plain.end(), 0);
  return data::batch_of(*digits, plain, data::keys_of(plain, Key{}))["image"];
}

data::Batch LocateTask::forward(torch::nn::Module& network, const data::Batch& batch,
                                const Key& /*key*/) const {
  auto& locator = dynamic_cast<LocatorImpl&>(network);
  const auto& images = batch["image"];
  const auto& place = batch["piece"];
  const auto scale = torch::full_like(
      place.narrow(1, 0, 1), static_cast<double>(data::kDigitSide) / static_cast<double>(side_));
  data::Batch outputs;
  outputs.set(kPieces,
              locator.features(ops::affine_sample(
                  images, affine_matrix(TransformKind::kAttention, torch::cat({scale, place}, 1)),
                  {data::kDigitSide, data::kDigitSide})));
  Tensor steps;
  if (locator.is_training() && config_.jitter > 0) steps = config_.jitter * batch["jitter"];
  for (std::size_t i = 0; i < locator.starts(); ++i) {
    outputs.set(cuts_of(i), locator.features(locator.cut(i, images, steps)));
    outputs.set(boxes_of(i), locator.boxes());
  }
  return outputs;
}

train::Loss LocateTask::loss(const data::Batch& outputs, const data::Batch& batch,
                             const Key& /*key*/) const {
  std::vector<Tensor> all;
  for (std::size_t i = 0; outputs.has(cuts_of(i)); ++i)
    all.push_back(pair_hinge(outputs[cuts_of(i)], outputs[kPieces], config_.margin, config_.apart));
  const auto values = torch::stack(all);
  const auto best = values.argmin().item<std::int64_t>();
  const auto overlap =
      ops::box_overlap(outputs[boxes_of(static_cast<std::size_t>(best))], batch["box"]);
  return {.value = values.sum(),
          .metrics = {{"loss", values[best].item<double>()},
                      {"error", overlap.le(0.5).to(torch::kFloat64).mean().item<double>()},
                      {"overlap", overlap.mean().item<double>()}}};
}

void LocateEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  const auto count = batch.size();
  const auto pairs = static_cast<double>(count * (count - 1));
  std::vector<double> losses;
  std::vector<Tensor> overlaps;
  for (std::size_t i = 0; outputs.has(cuts_of(i)); ++i) {
    const double loss =
        pairs == 0
            ? 0
            : pair_hinge(outputs[cuts_of(i)], outputs[kPieces], margin_, apart_).item<double>();
    losses.insert(losses.end(), {loss * pairs, pairs});
    overlaps.push_back(ops::box_overlap(outputs[boxes_of(i)], batch["box"]).to(torch::kFloat64));
  }
  losses_.add(batch.indices[0].item<std::int64_t>(), losses);
  const auto rows = torch::stack(overlaps, 1).contiguous();  // [B,starts]
  const auto starts = static_cast<std::size_t>(rows.size(1));
  for (std::int64_t i = 0; i < count; ++i)
    overlaps_.add(batch.indices[i].item<std::int64_t>(),
                  {rows.data_ptr<double>() + static_cast<std::size_t>(i) * starts, starts});
}

std::string LocateEvaluator::bytes() const {
  const auto losses = losses_.bytes();
  const auto size = static_cast<std::uint64_t>(losses.size());
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + losses +
         overlaps_.bytes();
}

void LocateEvaluator::merge(std::string_view bytes) {
  std::uint64_t size = 0;
  CLEW_CHECK(bytes.size() >= sizeof size, "an evaluation to merge must have at least ", sizeof size,
             " bytes, got ", bytes.size());
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  losses_.merge(bytes.substr(0, size));
  overlaps_.merge(bytes.substr(std::min<std::size_t>(size, bytes.size())));
}

double LocateEvaluator::mean_loss(std::size_t start) const {
  double sum = 0, pairs = 0;
  for (const auto& [first, row] : losses_.rows()) {
    sum += row[2 * start];
    pairs += row[2 * start + 1];
  }
  return pairs == 0 ? std::nan("") : sum / pairs;
}

std::size_t LocateEvaluator::best_start() const {
  std::size_t best = 0;
  for (std::size_t i = 1; i < overlaps_.columns(); ++i)
    if (mean_loss(i) < mean_loss(best)) best = i;
  return best;
}

std::vector<runs::Measure> LocateEvaluator::result() const {
  const auto best = best_start();
  double missed = overlaps_.size() == 0 ? std::nan("") : 0;
  for (const auto& [index, row] : overlaps_.rows()) missed += row[best] <= 0.5 ? 1 : 0;
  return {{.name = "loss", .value = mean_loss(best)},
          {.name = "error",
           .value = missed / static_cast<double>(std::max<std::size_t>(1, overlaps_.size())),
           .unit = "share"},
          {.name = "overlap", .value = overlaps_.mean(best), .larger_is_better = true}};
}

std::vector<train::ParameterRule> LocateTask::rules(const torch::nn::Module& /*network*/) const {
  return {{.what = "the encoder", .matches = train::names_under("encoder"), .is_frozen = true}};
}

void check_pairs(const LocateConfig& config) {
  if (config.train.batch >= 2) return;
  throw UsageError(
      concat("train.batch must be at least 2, for the loss is of pairs of pictures, got ",
             config.train.batch));
}

}  // namespace clew::warp
