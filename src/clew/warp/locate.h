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
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/distorted_digits.h"
#include "clew/image/image.h"
#include "clew/train/loop.h"
#include "clew/train/run_folder.h"
#include "clew/train/supervised.h"
#include "clew/warp/digit_network.h"
#include "clew/warp/spatial_transformer.h"

namespace clew::warp {

struct LocateData {
  std::string source = "auto";
  std::string dir = "";
  int digit = 3;
  std::int64_t count = 100;
  int patches = 0;

  void fields(Fields& v) {
    v("source", source,
      {.choices = {"auto", "mnist", "procedural"},
       .help = "where digits come from; auto: MNIST where data.dir is given, else procedural"});
    v("dir", dir, {.path = PathKind::kPath, .help = "folder with the four files of MNIST"});
    v("digit", digit, {.min = 0, .max = 9, .help = "which digit is to be found"});
    v("count", count, {.min = 2, .max = 10'000, .help = "pictures of it"});
    v("patches", patches,
      {.min = 0,
       .max = 64,
       .help = "pieces of other digits in a picture; 0: the paper's T, 16: TC"});
  }
};

struct LocateConfig {
  std::string system = "locate";
  std::uint64_t seed = 1;
  std::string encoder = "";
  double margin = 1, apart = 1;
  double scale = 0.34, scale_rate = 0.1, jitter = 0;
  std::int64_t starts = 1;
  LocateData data;
  NetworkConfig encoder_network;
  train::SupervisedOptions train;

  void fields(Fields& v) {
    v("system", system, {.choices = {"locate"}, .help = "the room this recipe is for"});
    v("seed", seed, {.help = "of everything random in the run"});
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

/// boxes [B,4], targets [B,4], xyxy -> intersection over union [B].
torch::Tensor box_overlap(const torch::Tensor& boxes, const torch::Tensor& targets);

class LocateTask : public train::Task {
 public:
  explicit LocateTask(const LocateConfig& config);

  std::shared_ptr<torch::nn::Module> make_network() const override;
  /// The sum over all starts. Metrics are of the start with the least loss on this batch: loss, overlap
  /// (mean IoU), error (share of boxes with an IoU of at most 0.5).
  train::Loss loss(torch::nn::Module& network, const data::Batch& batch,
                   const Key& key) const override;
  const data::Dataset& train_set() const override { return *set_; }
  const data::Dataset& test_set() const override { return *set_; }
  std::vector<train::ParameterGroup> groups(const torch::nn::Module& network) const override;
  std::string goal() const override { return "loss"; }

  std::int64_t side() const { return side_; }
  /// The start with the least loss on the pictures, each with a random piece that is always the same.
  std::size_t best_start(LocatorImpl& locator) const;

 private:
  struct StartLoss {
    torch::Tensor loss, boxes;  // a scalar; [B,4]
  };
  /// Of each start on a batch.
  std::vector<StartLoss> losses(LocatorImpl& locator, const data::Batch& batch) const;

  LocateConfig config_;
  std::unique_ptr<data::Dataset> set_;
  torch::Tensor plain_;  // some digits, [N,1,28,28]
  std::int64_t side_ = 0;
};

/// Refuses what would fail only while it trains: slices of a batch that hold a single picture. UsageError.
void check_pairs(const LocateConfig& config, int processes = 1);
/// Makes the run folder; the encoder's weights go into it as encoder.safetensors, and are read from there.
std::filesystem::path create_run(const std::filesystem::path& root, const std::string& recipe,
                                 const LocateConfig& config, const std::string& about);
LocateConfig read_locate_run(const std::filesystem::path& run,
                             train::Processes* processes = nullptr);
/// The loss is over pairs in a slice of a batch: more workers or processes see fewer pairs.
train::RunEnd train_locate_run(const std::filesystem::path& run, bool is_resumed,
                               const train::RunCallbacks& callbacks,
                               train::Processes* processes = nullptr);

struct LocateEvaluation {
  std::string source;
  int digit = 0, patches = 0;
  std::int64_t pictures = 0;
  double found = 0;    // share of pictures with an IoU above 0.5
  double overlap = 0;  // mean IoU
  train::WeightsAge age;
  image::Image boxes;  // some of the pictures, with what was found and what is there
};
/// Where the last weights of a run find the object.
LocateEvaluation evaluate_locate(const std::filesystem::path& run);
/// Writes RUN/eval.json and the picture for the report.
void write_evaluation(const std::filesystem::path& run, const LocateEvaluation& evaluation);
/// The same in one sentence; found is an intersection over union above 0.5.
std::string summary(const LocateEvaluation& evaluation);
std::string evaluation_json(const LocateEvaluation& evaluation);

}  // namespace clew::warp
