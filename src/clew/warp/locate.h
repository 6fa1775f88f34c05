// SPDX-License-Identifier: Apache-2.0
// Co-localisation (arXiv 1506.02025, appendix A.2): a transformer learns to locate the object of
// one class that all pictures contain, without labels or boxes. Triplet loss on features of a digit
// classifier: crops of two pictures are to be more similar than a crop and a random patch of the
// same picture.
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

/// images [B,1,S,S] f32 in [0,1] -> boxes [B,4] f32 xyxy, pixels, of attention transformers, each
/// with random initial weights of its own, and features of their crops. The frozen encoder is part
/// of the network, so that a checkpoint is self-contained.
struct LocatorImpl : torch::nn::Module {
  LocatorImpl(const LocateConfig& config, std::int64_t side);

  std::size_t starts() const { return transformers.size(); }
  /// images [B,1,S,S] -> crops [B,1,28,28] of one transformer, with boxes shifted by steps [B,2]
  /// (x,y), pixels, if defined.
  torch::Tensor cut(std::size_t start, const torch::Tensor& images,
                    const torch::Tensor& steps = {});
  /// crops [B,1,28,28] -> [B,F]: differences of the encoder's three layers of activations to those
  /// of an empty crop, each layer normalised to about its weight. So extra ink does not increase
  /// the distance to random patches, and nearly empty crops are near 0.
  torch::Tensor features(const torch::Tensor& cuts);
  /// Sets `lengths` from digits [B,1,28,28].
  void measure(const torch::Tensor& digits);
  /// Boxes of the last cut, [B,4] f32 xyxy, pixels.
  torch::Tensor boxes() const;

  std::vector<SpatialTransformer> transformers;
  DigitNetwork encoder{nullptr};
  torch::Tensor lengths;  // [3] f32, buffer: RMS norms of the layers' differences

 private:
  std::vector<torch::Tensor> ink(const torch::Tensor& cuts);

  std::int64_t side_;
  double scale_, scale_rate_;
  torch::Tensor found_;  // [B,3], parameters of the last cut
};
TORCH_MODULE(Locator);

/// Features of crops a [B,F] and of random patches r [B,F] of the same pictures -> mean over all
/// pairs n != m of max(0, |a_n - a_m|^2 - apart |a_n - r_n|^2 + margin), 0-d.
torch::Tensor pair_hinge(const torch::Tensor& cuts, const torch::Tensor& pieces, double margin,
                         double apart = 1);

/// Measures "loss" (over pairs in each batch), "error" (share of boxes with an IoU of at most 0.5)
/// and "overlap" (mean IoU) of the start with the lowest loss.
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
  /// Index of the start with the lowest loss.
  std::size_t best_start() const;

 private:
  double mean_loss(std::size_t start) const;

  double margin_, apart_;
  train::Rows losses_;  // by the batch's first example: loss times pairs, and pairs, of each start
  train::Rows overlaps_;  // IoU by example and start
};

/// Unsupervised: the same pictures are for training, validation and test.
class LocateTask : public train::Task {
 public:
  explicit LocateTask(const LocateConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// pieces [B,F], and for each start i cuts<i> [B,F] and boxes<i> [B,4] (xyxy, pixels).
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override;
  /// Sum over all starts. Metrics loss, error, overlap, as LocateEvaluator's, of the start with the
  /// lowest loss on this batch.
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
  /// Undistorted digits [N,1,28,28], for LocatorImpl::measure.
  torch::Tensor plain_digits() const;

 private:
  LocateConfig config_;
  std::unique_ptr<data::Dataset> set_;
  std::int64_t side_ = 0;
};

/// Batches of a single picture, which have no pairs: UsageError.
void check_pairs(const LocateConfig& config);
}  // namespace clew::warp
