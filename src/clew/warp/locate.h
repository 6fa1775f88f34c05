// SPDX-License-Identifier: Apache-2.0
// Co-localisation (arXiv 1506.02025, appendix A.2): in pictures that all hold an object of one class,
// a transformer learns where it is without being told what it looks like or where it is anywhere. What
// it cuts out of two pictures shall be more alike, to a network that knows digits, than what it cuts
// out of a picture is to a random piece of that picture.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/digits_config.h"
#include "clew/data/distorted_digits.h"
#include "clew/train/evaluator.h"
#include "clew/train/learning_system.h"
#include "clew/train/task.h"
#include "clew/warp/digit_network.h"
#include "clew/warp/spatial_transformer.h"

namespace clew::warp {

struct LocateData {
  data::DigitsSource source = data::DigitsSource::kAuto;
  std::string dir = "";
  int digit = 3;
  std::int64_t count = 100;
  int patches = 0;

  void fields(Fields& v) {
    data::origin_fields(v, source, dir);
    v("digit", digit, {.min = 0, .max = 9, .help = "which digit is to be found"});
    v("count", count, {.min = 2, .max = 10'000, .help = "pictures of it"});
    v("patches", patches,
      {.min = 0,
       .max = 64,
       .help = "pieces of other digits in a picture; 0: the paper's T, 16: TC"});
  }
};

struct LocateConfig : train::LearningConfig {
  std::string system = "locate";
  std::string encoder = "";
  double margin = 1, apart = 1;
  double scale = 0.34, scale_rate = 0.1, jitter = 0;
  std::int64_t starts = 1;
  LocateData data;
  NetworkConfig encoder_network;

  void fields(Fields& v) override {
    v("system", system, {.choices = {"locate"}, .help = "the system this recipe is for"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v("encoder", encoder,
      {.path = PathKind::kPath,
       .help = "run folder of a network that reads plain digits (warp/plain)"});
    v("margin", margin, {.min = 0, .max = 1000, .help = "of the hinge loss (alpha)"});
    v("apart", apart,
      {.min = 0, .max = 1000, .help = "weight of being unlike a random piece; the paper's: 1"});
    v("scale", scale,
      {.above = 0.0, .max = 1, .help = "side of the box before training, of the picture's"});
    v("scale_rate", scale_rate,
      {.min = 0,
       .max = 1,
       .help = "how fast the side learns, of how fast the place does; the paper's: 1"});
    v("jitter", jitter,
      {.min = 0,
       .max = 100,
       .help = "pixels by which training moves each box, at most, either way; the paper's: 0"});
    v("starts", starts,
      {.min = 1,
       .max = 100,
       .help = "transformers that learn side by side from weights of their own; the one with the "
               "least loss counts"});
    v.group("data", data);
    v.group("encoder_network", encoder_network);
    v.group("start", start);
    v.group("train", train);
  }
};

/// images [B,1,S,S] f32 in [0,1] -> boxes [B,4] f32, pixels xyxy, of transformers that scale and move
/// (attention), each from weights of its own; and the features of what they cut out. The encoder is part
/// of the network, so that a checkpoint is whole, and never learns.
struct LocatorImpl : torch::nn::Module {
  LocatorImpl(const LocateConfig& config, std::int64_t side);

  std::size_t starts() const { return transformers.size(); }
  /// images [B,1,S,S] -> cuts [B,1,28,28] of one transformer, whose boxes are moved by steps [B,2] pixels
  /// (x,y) where they are defined.
  torch::Tensor cut(std::size_t start, const torch::Tensor& images,
                    const torch::Tensor& steps = {});
  /// cuts [B,1,28,28] -> [B,F]: by how much the activations behind each of the encoder's three layers
  /// differ from those of an empty cut, each layer brought to nearly its weight in length. So more ink
  /// than a digit has makes a cut no more unlike the random pieces, and what is nearly empty is
  /// nearly 0.
  torch::Tensor features(const torch::Tensor& cuts);
  /// Sets `lengths` from digits [B,1,28,28].
  void measure(const torch::Tensor& digits);
  /// The boxes of the last cut, [B,4] f32.
  torch::Tensor boxes() const;

  std::vector<SpatialTransformer> transformers;
  DigitNetwork encoder{nullptr};
  torch::Tensor lengths;  // [3] f32, a buffer: of the layers' differences, root mean square

 private:
  std::vector<torch::Tensor> ink(const torch::Tensor& cuts);

  std::int64_t side_;
  double scale_, scale_rate_;
  torch::Tensor found_;  // [B,3], what the last cut read
};
TORCH_MODULE(Locator);

/// Features of cuts a [B,F] and of random pieces r [B,F] of the same pictures -> the mean over all pairs n != m of
/// max(0, |a_n - a_m|^2 - apart |a_n - r_n|^2 + margin).
torch::Tensor pair_hinge(const torch::Tensor& cuts, const torch::Tensor& pieces, double margin,
                         double apart = 1);

/// Measures "loss", "error" (share of boxes with an IoU of at most 0.5) and "overlap" (mean IoU) of the
/// start with the least loss. The loss is of the pairs in each batch.
class LocateEvaluator : public train::Evaluator {
 public:
  LocateEvaluator(const LocateConfig& config)
      : margin_(config.margin),
        apart_(config.apart),
        losses_(static_cast<std::size_t>(2 * config.starts)),
        overlaps_(static_cast<std::size_t>(config.starts)) {}

  void add(const data::Batch& outputs, const data::Batch& batch) override;
  std::string bytes() const override;
  void merge(std::string_view bytes) override;
  std::vector<runs::Measure> result() const override;
  /// The start with the least loss.
  std::size_t best_start() const;

 private:
  double mean_loss(std::size_t start) const;

  double margin_, apart_;
  train::Rows
      losses_;  // of each batch, by its first example: loss times pairs, and pairs, of each start
  train::Rows overlaps_;  // of each example, by start
};

/// All pictures are for training, validation and test: where the object is, training is never told.
class LocateTask : public train::Task {
 public:
  explicit LocateTask(const LocateConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// pieces [B,F], and of each start i cuts<i> [B,F] and boxes<i> [B,4] (pixels, xyxy).
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  /// The sum over all starts. Metrics are of the start with the least loss on this batch: loss, error,
  /// overlap, as LocateEvaluator's.
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& key) const override;
  std::optional<std::vector<std::string>> whole_batch_columns() const override {
    return std::vector<std::string>{"box"};
  }
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<LocateEvaluator>(config_);
  }
  const data::Dataset& train_set() const override { return *set_; }
  const data::Dataset& validation_set() const override { return *set_; }
  const data::Dataset& test_set() const override { return *set_; }
  std::vector<train::ParameterRule> rules(const torch::nn::Module& network) const override;

  std::int64_t side() const { return side_; }
  /// Some digits as they are, [N,1,28,28], for LocatorImpl::measure.
  torch::Tensor plain_digits() const;

 private:
  LocateConfig config_;
  std::unique_ptr<data::Dataset> set_;
  std::int64_t side_ = 0;
};

/// Refuses what would fail only while it trains: batches of a single picture. UsageError.
void check_pairs(const LocateConfig& config);
}  // namespace clew::warp
