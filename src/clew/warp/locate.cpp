// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/locate.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/pool.h"
#include "clew/data/digits_config.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/nn/weights.h"
#include "clew/train/run_folder.h"
#include "clew/warp/digit_task.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

constexpr std::uint64_t kLocateTraining = 0, kLocateDigits = 1, kLocatePictures = 2;
constexpr const char* kEncoderFile = "encoder.safetensors";
constexpr std::int64_t kLayers = 3, kMeasured = 256;
/// What a layer counts, from the images on: the last ones know a whole digit from a part of it.
constexpr std::array<double, kLayers> kLayerWeights = {0.3, 0.7, 2};
constexpr double kLeast = 0.3;  // of a digit's length: a cut with less in it is nearly nothing
constexpr int kPictures = 24, kPictureScale = 2;
constexpr image::Colour kTruth = {0, 158, 115}, kFound = {230, 159, 0};

/// The localisation network: two convolutions, and of each of the second's maps where its mass lies,
/// (x,y) in [-1,1]. The paper puts layers of units there, which must learn each place by itself, and
/// a hundred pictures do not teach them; this finds alike what is alike, wherever it is.
struct MassesImpl : torch::nn::Module {
  static constexpr std::int64_t kMaps = 8, kFeatures = 2 * kMaps;
  static constexpr double kSharpness = 32;  // so that the mass is not spread evenly at first

  MassesImpl() {
    namespace tnn = torch::nn;
    conv1 =
        register_module("conv1", tnn::Conv2d(tnn::Conv2dOptions(1, kMaps, 9).stride(4).padding(4)));
    conv2 = register_module("conv2", tnn::Conv2d(tnn::Conv2dOptions(kMaps, kMaps, 5).padding(2)));
  }
  /// images [B,1,H,W] f32 -> [B,16] f32: the x of each map, then the y.
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

std::shared_ptr<const data::Digits> make_digits(const LocateConfig& config) {
  data::DigitsConfig digits;
  digits.source = config.data.source;
  digits.dir = config.data.dir;
  return data::make_plain_digits(digits, data::Split::kTrain,
                                 split(Key{config.seed}, kLocateDigits));
}

/// Pictures with a digit somewhere, and two columns from get's key: piece and jitter.
class WithPieces : public data::Dataset {
 public:
  explicit WithPieces(const LocateConfig& config)
      : digits_(make_digits(config),
                {.digit = config.data.digit,
                 .count = config.data.count,
                 .patches = config.data.patches,
                 .draw = {.key = split(Key{config.seed}, kLocatePictures), .is_fixed = true}}) {
    CLEW_CHECK(digits_.size() == config.data.count, "data.count = ", config.data.count,
               " pictures of the digit ", config.data.digit, " were wanted, the data set has ",
               digits_.size());
  }
  std::int64_t size() const override { return digits_.size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    auto example = digits_.get(index, key);
    Stream stream(split(key, 1));
    const auto side = static_cast<float>(example["image"].size(1));
    const float room = 1 - data::kDigitSide / side;  // of the piece's centre, either way
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

Tensor box_overlap(const Tensor& boxes, const Tensor& targets) {
  const auto low = torch::max(boxes.narrow(1, 0, 2), targets.narrow(1, 0, 2)),
             high = torch::min(boxes.narrow(1, 2, 2), targets.narrow(1, 2, 2));
  const auto both = (high - low).clamp_min(0).prod(1);
  const auto area = [](const Tensor& b) { return (b.narrow(1, 2, 2) - b.narrow(1, 0, 2)).prod(1); };
  return both / (area(boxes) + area(targets) - both).clamp_min(1e-12);
}

LocateTask::LocateTask(const LocateConfig& config)
    : config_(config), set_(std::make_unique<WithPieces>(config)) {
  const auto digits = make_digits(config);
  std::vector<std::int64_t> plain(
      static_cast<std::size_t>(std::min<std::int64_t>(kMeasured, digits->size())));
  std::iota(plain.begin(), plain.end(), 0);
  plain_ = data::batch_of(*digits, plain, data::keys_of(plain, Key{}))["image"];
  side_ = set_->get(0, Key{})["image"].size(1);
}

std::shared_ptr<torch::nn::Module> LocateTask::make_network() const {
  Locator locator(config_, side_);
  nn::load_weights(*locator->encoder, config_.encoder);
  locator->measure(plain_);
  return locator.ptr();
}

std::vector<LocateTask::StartLoss> LocateTask::losses(LocatorImpl& locator,
                                                      const data::Batch& batch) const {
  const auto& images = batch["image"];
  const auto place = batch["piece"];
  const auto scale = torch::full_like(
      place.narrow(1, 0, 1), static_cast<double>(data::kDigitSide) / static_cast<double>(side_));
  const auto piece = locator.features(ops::affine_sample(
      images, affine_matrix(TransformKind::kAttention, torch::cat({scale, place}, 1)),
      {data::kDigitSide, data::kDigitSide}));
  Tensor steps;
  if (locator.is_training() && config_.jitter > 0) steps = config_.jitter * batch["jitter"];
  std::vector<StartLoss> losses;
  for (std::size_t i = 0; i < locator.starts(); ++i) {
    const auto cuts = locator.features(locator.cut(i, images, steps));
    losses.push_back({pair_hinge(cuts, piece, config_.margin, config_.apart), locator.boxes()});
  }
  return losses;
}

std::size_t LocateTask::best_start(LocatorImpl& locator) const {
  if (locator.starts() == 1) return 0;
  const torch::NoGradGuard no_grad;
  std::vector<double> sums(locator.starts());
  for (std::int64_t from = 0; from < set_->size(); from += config_.train.batch) {
    const auto end = std::min(from + config_.train.batch, set_->size());
    if (end - from < 2) break;  // one left over: the loss is of pairs
    std::vector<std::int64_t> indices(static_cast<std::size_t>(end - from));
    std::iota(indices.begin(), indices.end(), from);
    const auto values =
        losses(locator, data::batch_of(*set_, indices, data::keys_of(indices, Key{})));
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += values[i].loss.item<double>();
  }
  return static_cast<std::size_t>(std::ranges::min_element(sums) - sums.begin());
}

train::Loss LocateTask::loss(torch::nn::Module& network, const data::Batch& batch,
                             const Key& /*key*/) const {
  const auto starts = losses(dynamic_cast<LocatorImpl&>(network), batch);
  std::vector<Tensor> all;
  for (const auto& start : starts) all.push_back(start.loss);
  const auto values = torch::stack(all);
  const auto best = values.argmin().item<std::int64_t>();
  const auto overlap = box_overlap(starts[static_cast<std::size_t>(best)].boxes, batch["box"]);
  return {values.sum(),
          {{"loss", values[best].item<double>()},
           {"error", overlap.le(0.5).to(torch::kFloat64).mean().item<double>()},
           {"overlap", overlap.mean().item<double>()}}};
}

std::vector<train::ParameterGroup> LocateTask::groups(const torch::nn::Module& /*network*/) const {
  return {{.prefix = "encoder.", .lr_factor = 0}};
}

void check_pairs(const LocateConfig& config, int processes) {
  const int slices = config.train.workers * processes;
  const std::int64_t last = config.data.count % config.train.batch;
  for (const std::int64_t pictures : {std::int64_t{config.train.batch}, last}) {
    for (int i = 0; i < slices; ++i) {
      const auto share = share_of(pictures, i, slices);
      if (share.end - share.begin != 1) continue;
      throw UsageError(concat("the loss is of pairs of pictures, and batches of ",
                              config.train.batch, " of ", config.data.count, " pictures for ",
                              slices,
                              " workers leave one alone; choose another train.batch, "
                              "data.count or train.workers"));
    }
  }
}

fs::path create_run(const fs::path& root, const std::string& recipe, const LocateConfig& config,
                    const std::string& about) {
  if (config.encoder.empty()) {
    throw UsageError(
        "encoder must be the run folder of a network that reads plain digits, got none; "
        "`clew train warp/plain` makes one");
  }
  const auto reader = read_run(config.encoder);
  if (reader.data.kind != "plain" || reader.network.transform != "none") {
    throw UsageError(
        concat("encoder must be a run with data.kind = plain and network.transform = "
               "none, got ",
               reader.data.kind, " and ", reader.network.transform, " in ", config.encoder));
  }
  const auto network = load_best(config.encoder, reader, DigitShape{.side = data::kDigitSide});
  LocateConfig written = config;
  data::DigitsConfig digits;
  digits.source = config.data.source;
  digits.dir = config.data.dir;
  written.data.source = data::digits_source(digits);
  if (!written.data.dir.empty()) written.data.dir = fs::absolute(written.data.dir).string();
  written.train = config.train.resolved();
  written.encoder = fs::absolute(config.encoder).string();
  written.encoder_network = reader.network;
  (void)WithPieces(written);  // refuses what the data cannot be before there is a folder
  const auto run = train::create_run_folder(root, recipe);
  nn::save_weights(*network, run / kEncoderFile);
  train::write_run_config(run, about, dump_toml(written));
  return run;
}

LocateConfig read_locate_run(const fs::path& run, train::Processes* processes) {
  LocateConfig config;
  load(config, parse_toml(train::read_run_config(run, processes), (run / "config.toml").string()));
  config.encoder = (run / kEncoderFile).string();
  return config;
}

train::RunEnd train_locate_run(const fs::path& run, bool is_resumed,
                               const train::RunCallbacks& callbacks, train::Processes* processes) {
  const auto config = read_locate_run(run, processes);
  const LocateTask task(config);
  train::Supervised learner(task, config.train, split(Key{config.seed}, kLocateTraining),
                            processes);
  return train::train_run(run, learner, config.train.loop(), is_resumed, callbacks);
}

LocateEvaluation evaluate_locate(const fs::path& run) {
  const torch::NoGradGuard no_grad;
  const auto config = read_locate_run(run);
  const LocateTask task(config);
  const auto module = task.make_network();
  auto& locator = dynamic_cast<LocatorImpl&>(*module);
  const auto checkpoint = train::newest_checkpoint(run);
  train::load_network(locator, std::as_bytes(std::span(checkpoint.bytes)),
                      checkpoint.path.string());
  locator.eval();
  const auto& set = task.test_set();
  const auto start = task.best_start(locator);
  LocateEvaluation evaluation{.source = config.data.source,
                              .digit = config.data.digit,
                              .patches = config.data.patches,
                              .pictures = set.size(),
                              .age = train::weights_age(run, checkpoint)};
  std::vector<image::Tile> tiles;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto example = set.get(i, Key{});
    locator.cut(start, example["image"].unsqueeze(0));
    const auto box = locator.boxes(), target = example["box"].unsqueeze(0);
    const auto overlap = box_overlap(box, target).item<double>();
    evaluation.overlap += overlap / static_cast<double>(set.size());
    evaluation.found += (overlap > 0.5 ? 1.0 : 0.0) / static_cast<double>(set.size());
    if (i >= kPictures) continue;
    auto picture = digit_picture(example["image"], kPictureScale);
    const auto draw = [&](const Tensor& b, image::Colour colour) {
      const auto at = [&](int k) {
        return kPictureScale * std::clamp(b[0][k].item<float>(), -999.0F, 999.0F);
      };
      image::draw_rectangle(picture, at(0), at(1), at(2) - 1, at(3) - 1,
                            {.colour = colour, .width = 2});
    };
    draw(target, kTruth);
    draw(box, kFound);
    tiles.push_back({.picture = std::move(picture),
                     .label = concat("IoU 0.", static_cast<int>(100 * overlap) < 10 ? "0" : "",
                                     std::min(99, static_cast<int>(100 * overlap)))});
  }
  evaluation.boxes = image::grid(tiles, {.columns = 8});
  return evaluation;
}

void write_evaluation(const fs::path& run, const LocateEvaluation& evaluation) {
  make_folders(run / "pictures");
  image::write(run / "pictures" / "boxes.png", evaluation.boxes);
  const nlohmann::json gallery = {{"items",
                                   {{{"title", "Where it looks"},
                                     {"caption",
                                      "What the transformer cuts out (orange) and where the digit "
                                      "is (green), which it was never "
                                      "told."},
                                     {"files", {"pictures/boxes.png"}},
                                     {"labels", {"boxes"}}}}}};
  write_file_atomic(run / "gallery.json", gallery.dump(2) + "\n");
  write_file_atomic(run / "eval.json", evaluation_json(evaluation));
}

std::string summary(const LocateEvaluation& evaluation) {
  char text[200];
  std::snprintf(text, sizeof text,
                "The digit %d (%s) in %lld pictures with %d pieces of others: %.0f %% found, mean "
                "overlap %.2f.",
                evaluation.digit, evaluation.source.c_str(),
                static_cast<long long>(evaluation.pictures), evaluation.patches,
                100 * evaluation.found, evaluation.overlap);
  return text;
}

std::string evaluation_json(const LocateEvaluation& evaluation) {
  const auto maybe = [](const auto& step) { return step ? nlohmann::json(*step) : nullptr; };
  const nlohmann::json root = {{"system", "locate"},
                               {"step", maybe(evaluation.age.step)},
                               {"run_step", maybe(evaluation.age.run_step)},
                               {"source", evaluation.source},
                               {"digit", evaluation.digit},
                               {"patches", evaluation.patches},
                               {"pictures", evaluation.pictures},
                               {"found", evaluation.found},
                               {"overlap", evaluation.overlap},
                               {"summary", summary(evaluation)}};
  return root.dump(2) + "\n";
}

}  // namespace clew::warp
