// SPDX-License-Identifier: Apache-2.0
#include "clew/segment/segment_system.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/formats/masks.h"
#include "clew/data/image_tensor.h"
#include "clew/data/scenes.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/runs/gallery.h"
#include "clew/segment/class_drawing.h"
#include "clew/segment/config.h"
#include "clew/segment/judged_masks.h"
#include "clew/segment/pixel_evaluator.h"
#include "clew/segment/pixel_predictor.h"
#include "clew/segment/segment_task.h"

namespace clew::segment {
namespace {

namespace fs = std::filesystem;

constexpr const char *kDrawnName = "segmentations", *kWorstPixels = "pictures/worst.png";
constexpr std::int64_t kDrawnPictures = 3;  // through training
constexpr std::size_t kWorst = 8;           // pictures of a sheet
constexpr int kTileSide = 240;              // largest, pixels

const SegmentConfig& own(const train::LearningConfig& config) {
  return dynamic_cast<const SegmentConfig&>(config);
}

/// A picture, its mask, the predicted classes [H,W] u8, and with `has_wrong` the wrong ones.
void add_tiles(std::vector<image::Tile>& tiles, const data::Example& example,
               const torch::Tensor& classes, const std::string& label, bool has_wrong,
               bool has_background) {
  tiles.push_back({.picture = data::to_image(example["image"]), .label = label});
  tiles.push_back({.picture = draw_classes(example["mask"], has_background), .label = "mask"});
  tiles.push_back({.picture = draw_classes(classes, has_background), .label = "prediction"});
  if (has_wrong)
    tiles.push_back({.picture = draw_wrong(example["mask"], classes), .label = "wrong"});
}

image::Image sheet_of(const std::vector<image::Tile>& tiles, int columns) {
  int width = 0, height = 0;
  for (const auto& tile : tiles) {
    width = std::max(width, tile.picture.width);
    height = std::max(height, tile.picture.height);
  }
  const double scale = std::min(1.0, static_cast<double>(kTileSide) / std::max(width, height));
  const auto side = [&](int pixels) { return static_cast<int>(std::ceil(pixels * scale)); };
  return image::grid(tiles, {.columns = columns,
                             .width = std::max(kLeastTileWidth, side(width)),
                             .height = side(height)});
}

}  // namespace

std::unique_ptr<train::LearningConfig> SegmentSystem::make_config() const {
  return std::make_unique<SegmentConfig>();
}

std::vector<std::string> SegmentSystem::resolve(train::LearningConfig& config) const {
  auto& mine = dynamic_cast<SegmentConfig&>(config);
  const auto set = open_masks(mine, data::Split::kTrain);
  if (mine.data.classes.empty()) {
    mine.data.classes = mine.data.dir.empty()
                            ? set->class_names()
                            : data::MaskPictures(mine.data, data::Split::kTrain).mask_classes();
  }
  const auto classes = class_names(mine);
  CLEW_CHECK(classes == set->class_names(), "data.classes are ", join(classes),
             ", but the masks have ", join(set->class_names()));
  if (mine.class_weights == ClassWeights::kInverseFrequency && mine.data.shares.empty())
    mine.data.shares = pixel_shares(*set, std::ssize(classes));
  if (mine.network == "deeplabv3_resnet50" &&
      mine.train.batch_norm == train::BatchNormMode::kSlice &&
      mine.train.batch < 2 * mine.train.workers)
    throw UsageError(concat(
        "network = deeplabv3_resnet50 normalises means of pictures, so that train.batch must be at "
        "least 2 for each of ",
        mine.train.workers, " train.workers, or train.batch_norm sync or frozen, got ",
        mine.train.batch));
  const auto options = network_options(mine);
  (void)segment::make_network(options);
  mine.output_stride = static_cast<int>(options.output_stride);
  return {concat(set->size(), " pictures with pixels of ", classes.size(), " classes from ",
                 mine.data.dir.empty() ? "drawn scenes" : mine.data.dir)};
}

std::shared_ptr<torch::nn::Module> SegmentSystem::make_network(
    const train::LearningConfig& config) const {
  return segment::make_network(network_options(own(config)));
}

std::vector<nn::LayerRow> SegmentSystem::layers(const train::LearningConfig& config) const {
  auto mine = own(config);
  if (mine.data.classes.empty()) (void)resolve(mine);
  return segment::make_network(network_options(mine))->layers();
}

std::unique_ptr<train::Task> SegmentSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<SegmentTask>(own(config));
}

std::vector<std::string> SegmentSystem::start_names(const train::LearningConfig& config,
                                                    const std::string& name) const {
  return segment::start_names(network_options(own(config)), name);
}

torch::Tensor SegmentSystem::start_value(const train::LearningConfig& /*config*/,
                                         const std::string& name,
                                         const torch::Tensor& value) const {
  return segment::start_value(name, value);
}

std::string SegmentSystem::progress_text(const runs::MetricsLine& line) const {
  auto text = concat("  loss ", fixed(line.get("loss").value_or(std::nan("")), 3));
  if (const auto value = line.get("pixel_accuracy")) text += concat("  pixels ", percent(*value));
  if (const auto value = line.get("val_miou"))
    text += concat("  validation mean IoU ", percent(*value));
  return text;
}

runs::RunAbout SegmentSystem::about(const train::LearningConfig& config,
                                    const train::Task& task) const {
  auto about = LearningSystem::about(config, task);
  const auto options = network_options(own(config));
  about.title =
      concat(options.network, ", ", options.backbone, " at output stride ", options.output_stride);
  if (options.context) about.title += concat(", ", name_of(*options.context), " context");
  if (own(config).data.dir.empty()) about.notes.emplace_back("The pictures are drawn scenes.");
  return about;
}

std::function<void(std::int64_t, bool)> SegmentSystem::make_drawer(
    const fs::path& run, const train::Task& task,
    const std::function<train::Supervised&()>& learner) const {
  const auto& set = task.validation_set();
  const auto classes = set.class_names();
  const auto draw = [run, &set, learner, classes](std::int64_t steps) {
    auto& now = learner();
    now.with_evaluated_weights([&] {
      std::vector<image::Tile> tiles;
      for (std::int64_t i = 0; i < std::min(kDrawnPictures, set.size()); ++i) {
        const auto example = set.get(i, Key{});
        add_tiles(tiles, example, classes_of(network_of(now.network()), example["image"]),
                  "picture", false, has_background(classes));
      }
      image::write(runs::step_picture(run, kDrawnName, steps),
                   with_legend(sheet_of(tiles, 3), all_classes(classes), classes));
    });
    const runs::Pictures gallery[] = {runs::pictures_of_steps(
        run, kDrawnName, "Segmentations",
        "Pictures of the validation set, their masks and the predictions, over the training.")};
    runs::write_gallery(run, gallery);
  };
  make_folders(runs::picture_folder(run));
  if (!path_exists(runs::step_picture(run, kDrawnName, 0))) draw(0);
  return [draw](std::int64_t steps, bool is_last) {
    if (runs::is_pictured(steps) || is_last) draw(steps);
  };
}

train::RunEvaluation SegmentSystem::describe(const fs::path& run,
                                             const train::LearningConfig& config,
                                             const train::Task& task,
                                             const train::Evaluator& evaluator,
                                             torch::nn::Module& network) const {
  const auto& averaging = own(config).averaging;
  const auto& pixels = dynamic_cast<const PixelEvaluator&>(evaluator);
  const auto& set = task.test_set();
  const auto classes = set.class_names();
  runs::Evaluation evaluation{.summary =
                                  concat("On ", set.size(), " pictures of the test set: mean IoU ",
                                         percent(pixels.confusion().mean_iou()), ", ",
                                         percent(pixels.confusion().pixel_accuracy()), " of ",
                                         pixels.confusion().total(), " pixels are right.")};
  if (averaging.window > 0)
    evaluation.summary += concat(" Windows of ", averaging.window, " pixels.");
  if (averaging.has_flip) evaluation.summary += " With mirror images.";
  network.eval();
  auto worst = nlohmann::json::array();
  std::vector<image::Tile> tiles;
  for (const auto& one : pixels.worst(kWorst)) {
    const auto file = printable(set.origin(one.index));
    worst.push_back({{"index", one.index}, {"file", file}, {"wrong", one.wrong}});
    const auto example = set.get(one.index, Key{});
    add_tiles(tiles, example, classes_of(network_of(network), example["image"], averaging),
              concat(percent(one.wrong), " wrong"), true, has_background(classes));
  }
  evaluation.details = nlohmann::json{{"pictures", set.size()}, {"worst", worst}}.dump();
  image::Image sheet;
  if (!tiles.empty()) {
    sheet = with_legend(sheet_of(tiles, 4), all_classes(classes), classes);
    evaluation.pictures.push_back(
        {.title = "Worst pictures",
         .caption = "Each with its mask, the prediction, and in white the wrong pixels; grey ones "
                    "are not counted.",
         .files = {kWorstPixels},
         .labels = {"worst pictures"}});
  }
  return {.evaluation = std::move(evaluation), .write_pictures = [run, sheet] {
            if (sheet.pixels.empty()) return;
            make_folders(runs::picture_folder(run));
            image::write(run / kWorstPixels, sheet);
          }};
}

runs::Evaluation SegmentSystem::evaluate_predictions(const train::LearningConfig& config,
                                                     const fs::path& predictions,
                                                     const fs::path& truth) const {
  const auto& data = own(config).data;
  auto evaluation = judge_masks({.predictions = predictions,
                                 .truth = truth,
                                 .classes = data.classes,
                                 .ignored = data.ignored});
  evaluation.system = name();
  return evaluation;
}

std::unique_ptr<train::Predictor> SegmentSystem::make_predictor(
    std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
    const train::PredictOptions& options) const {
  return make_pixel_predictor(std::dynamic_pointer_cast<SegmentationNetwork>(network), own(config),
                              options);
}

std::unique_ptr<train::PredictionWriter> SegmentSystem::make_prediction_writer(
    const train::LearningConfig& config, const std::string& format, const fs::path& out) const {
  return make_pixel_writer(own(config), format, out);
}

train::ExportPlan SegmentSystem::export_plan(const train::LearningConfig& config,
                                             torch::nn::Module& network,
                                             nn::ExportFormat /*format*/) const {
  const auto& segmentation = network_of(network);
  const auto classes = class_names(own(config));
  return {.forward =
              [&segmentation](const std::vector<torch::Tensor>& inputs) {
                return std::vector<torch::Tensor>{segmentation.forward(inputs.at(0)).logits()};
              },
          .options = {.name = own(config).network,
                      .inputs = {{.name = "images",
                                  .shape = {nn::kOnnxBatch, 3, nn::kOnnxFree, nn::kOnnxFree},
                                  .note = "[B,3,H,W] f32 in [0,1], RGB, of any size",
                                  .example_size = {48, 70}}},
                      .outputs = {{.name = "logits",
                                   .note = concat("[B,", classes.size(), ",H,W] f32 (raw)")}},
                      .metadata = {{"classes", join(classes, ",")}}}};
}

}  // namespace clew::segment
