// SPDX-License-Identifier: Apache-2.0
#include "clew/detect/detect_system.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/text.h"
#include "clew/data/formats/coco.h"
#include "clew/data/image_tensor.h"
#include "clew/detect/box_errors.h"
#include "clew/detect/box_evaluator.h"
#include "clew/detect/detect_export.h"
#include "clew/detect/detect_task.h"
#include "clew/detect/masks.h"
#include "clew/detect/one_box.h"
#include "clew/detect/predictions_file.h"
#include "clew/detect/proposal_evaluator.h"
#include "clew/detect/windows.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/runs/gallery.h"

namespace clew::detect {
namespace {

namespace fs = std::filesystem;

constexpr const char *kProposalPictures = "proposals", *kWorstFile = "pictures/worst.png";
constexpr std::int64_t kDrawnPictures = 4, kDrawnProposals = 20;  // through training
constexpr std::int64_t kRecalledPictures = 200;                   // for the recall of proposals
constexpr std::array<std::int64_t, 3> kRecallCounts = {50, 300, 1000};
constexpr std::size_t kWorst = 12;     // pictures of a sheet
constexpr int kTileSide = 320;         // pixels
constexpr double kJudgedScore = 0.5;   // of other programs' detections that count as mistakes
constexpr std::size_t kMostNamed = 5;  // detections told of a picture
constexpr image::Colour kTruthColour = {255, 255, 255}, kFoundColour = {120, 230, 120},
                        kWrongColour = {255, 120, 100}, kProposalColour = {90, 150, 255};

const DetectConfig& own(const train::LearningConfig& config) {
  return dynamic_cast<const DetectConfig&>(config);
}

const std::string& class_at(const std::vector<std::string>& classes, int number) {
  return classes.at(static_cast<std::size_t>(number));
}

/// Writes alternating training as its phases. A step outside of a phase, alternating training within one: UsageError.
void resolve_training(DetectConfig& config) {
  using enum DetectTraining;
  const auto training = config.training;
  if (config.is_phase) {
    if (training == kAlternating)
      throw UsageError("training = alternating is the whole run's, and no phase can have it");
    return;
  }
  if (training == kJoint) return;
  if (training != kAlternating)
    throw UsageError(
        concat("training must be joint or alternating, whose steps are for "
               "train.phases, got ",
               name_of(training)));
  if (!config.train.phases.empty()) return;
  for (const auto step : {kProposals, kDetections, kSharedProposals, kSharedDetections})
    config.train.phases.push_back(
        concat("training=", name_of(step), " train.steps=", config.train.steps));
}

std::string approach_title(const DetectConfig& config) {
  if (config.network == kOneBoxName) return "Detection by regression of one box";
  if (config.network == kWindowsName) return "Detection by classification of all windows";
  return concat(has_masks(config) ? "Mask R-CNN, " : "Faster R-CNN, ", config.network);
}

/// Width of a box's lines in a picture.
int line_width(const image::Image& picture) {
  return std::max(1, std::min(picture.width, picture.height) / 250 + 1);
}

void draw_box(image::Image& picture, const BoxXywh& box, image::Colour colour, int width) {
  const auto [x, y, w, h] = box;
  image::draw_rectangle(picture, static_cast<float>(x), static_cast<float>(y),
                        static_cast<float>(x + w - 1), static_cast<float>(y + h - 1),
                        {.colour = colour, .width = width});
}

/// A colour for each class, far from the neighbours'.
image::Colour class_colour(std::size_t number) {
  static constexpr std::array<image::Colour, 8> kColours = {{{255, 160, 0},
                                                             {80, 200, 255},
                                                             {120, 230, 120},
                                                             {255, 110, 180},
                                                             {250, 230, 70},
                                                             {180, 140, 255},
                                                             {255, 120, 90},
                                                             {60, 220, 190}}};
  return kColours.at(number % kColours.size());
}

/// Draws `text` above a box, on a dark ground, inside the picture.
void draw_caption(image::Image& picture, const BoxXywh& box, const std::string& text,
                  image::Colour colour) {
  const image::TextStyle style{
      .colour = colour, .height = std::clamp(std::min(picture.width, picture.height) / 40, 6, 24)};
  const auto size = image::text_size(text, style);
  const int x = std::clamp(static_cast<int>(box[0]), 0,
                           std::max(0, picture.width - size.width - 2)),
            y = std::clamp(static_cast<int>(box[1]) - size.height - 2, 0,
                           std::max(0, picture.height - size.height));
  image::fill_rectangle(picture, x, y, x + size.width + 2, y + size.height + 1, {20, 20, 20});
  image::draw_text(picture, text, x + 1, y, style);
}

BoxXywh box_at(const torch::Tensor& boxes, std::int64_t row) {
  const auto at = boxes[row];
  const auto edge = [&](std::int64_t i) { return at[i].item<double>(); };
  return {edge(0), edge(1), edge(2) - edge(0), edge(3) - edge(1)};
}

/// Mask of a detection in a picture of that size, [H,W] u8.
torch::Tensor mask_at(const Detections& found, std::int64_t row, const image::Image& picture) {
  return paste_mask(found.masks[row], found.boxes[row], {picture.height, picture.width});
}

std::span<const std::uint8_t> bytes_of(const torch::Tensor& mask) {
  return {mask.data_ptr<std::uint8_t>(), static_cast<std::size_t>(mask.numel())};
}

/// A picture with the best proposals, thin, and the detections.
image::Image draw_regions(const DetectTask& task, torch::nn::Module& network,
                          const torch::Tensor& image, double score) {
  const auto classes = task.train_set().class_names();
  auto picture = data::to_image(image);
  const auto proposals = task.propose(network, {image}, kDrawnProposals)[0];
  for (std::int64_t i = 0; i < proposals.size(0); ++i)
    draw_box(picture, box_at(proposals, i), kProposalColour, 1);
  const auto found = task.detect(network, {image})[0];
  if (!found.labels.defined()) return picture;
  for (std::int64_t i = 0; i < found.labels.numel(); ++i) {
    if (found.scores[i].item<double>() < score) continue;
    const auto label = static_cast<int>(found.labels[i].item<std::int64_t>()) - 1;
    const auto box = box_at(found.boxes, i);
    if (found.masks.defined())
      image::tint(picture, bytes_of(mask_at(found, i, picture)), kFoundColour);
    draw_box(picture, box, kFoundColour, line_width(picture));
    draw_caption(picture, box, class_at(classes, label), kFoundColour);
  }
  return picture;
}

/// A picture of the test set with its objects, and detections by their verdicts.
image::Image draw_errors(const data::Dataset& set, const PictureErrors& errors,
                         const std::vector<std::string>& classes) {
  auto picture = data::to_image(set.get(errors.image, Key{})["image"]);
  const int width = line_width(picture);
  for (const auto& truth : errors.truths) draw_box(picture, truth.box, kTruthColour, width + 1);
  for (std::size_t i = 0; i < errors.detections.size(); ++i) {
    const bool is_found = errors.verdicts[i] == BoxVerdict::kFound;
    const auto colour = is_found ? kFoundColour : kWrongColour;
    draw_box(picture, errors.detections[i].box, colour, width);
    if (!is_found)
      draw_caption(picture, errors.detections[i].box,
                   class_at(classes, errors.detections[i].category), colour);
  }
  for (std::size_t t = 0; t < errors.truths.size(); ++t)
    if (errors.is_missed[t])
      draw_caption(picture, errors.truths[t].box, class_at(classes, errors.truths[t].category),
                   kTruthColour);
  return picture;
}

runs::Table error_table(const std::vector<PictureErrors>& pictures,
                        const std::vector<std::string>& classes) {
  runs::Table table{
      .title = "Mistakes",
      .caption =
          "Of detections from the score on that the recipe draws. Missed: an object without "
          "a detection that overlaps it by 0.5. Twice: of an object already found. "
          "Misplaced: by 0.1 to 0.5. Confused: on an object of another class. Invented: "
          "none of these.",
      .row_title = "class",
      .columns = {{.name = "found"},
                  {.name = "missed"},
                  {.name = "twice"},
                  {.name = "misplaced"},
                  {.name = "confused"},
                  {.name = "invented"}},
      .rows = {},
      .style = runs::TableStyle::kPlain};
  using enum BoxVerdict;
  for (std::size_t k = 0; k < classes.size(); ++k) {
    std::map<BoxVerdict, double> counts;
    double missed = 0;
    for (const auto& picture : pictures) {
      for (std::size_t i = 0; i < picture.detections.size(); ++i)
        if (picture.detections[i].category == static_cast<int>(k)) ++counts[picture.verdicts[i]];
      for (std::size_t t = 0; t < picture.truths.size(); ++t)
        if (picture.truths[t].category == static_cast<int>(k) && picture.is_missed[t]) ++missed;
    }
    table.rows.push_back({.name = classes[k],
                          .values = {counts[kFound], missed, counts[kDouble], counts[kMisplaced],
                                     counts[kConfused], counts[kInvented]}});
  }
  return table;
}

/// Recall of objects by the best proposals, at two overlaps.
runs::Table recall_table(Detector& network, const data::Dataset& set) {
  runs::Table table{.title = "Proposals",
                    .caption = {},
                    .row_title = "proposals of a picture",
                    .columns = {{.name = "recall at 0.5", .unit = "share"},
                                {.name = "recall at 0.7", .unit = "share"}},
                    .rows = {},
                    .style = runs::TableStyle::kBars};
  std::array<std::array<double, 2>, kRecallCounts.size()> found{};
  double objects = 0;
  const auto pictures = std::min(kRecalledPictures, set.size());
  for (std::int64_t i = 0; i < pictures; ++i) {
    const auto example = set.get(i * set.size() / pictures, Key{});
    const auto& truths = example["boxes"];
    if (truths.size(0) == 0) continue;
    objects += static_cast<double>(truths.size(0));
    const auto proposals = network.propose_boxes({example["image"]}, kRecallCounts.back())[0];
    if (proposals.size(0) == 0) continue;
    const auto overlaps = ops::box_iou(truths, proposals);
    for (std::size_t k = 0; k < kRecallCounts.size(); ++k) {
      const auto best = overlaps.slice(1, 0, kRecallCounts.at(k)).amax(1);
      found.at(k)[0] += best.ge(0.5).sum().item<double>();
      found.at(k)[1] += best.ge(0.7).sum().item<double>();
    }
  }
  table.caption = concat("Share of ", static_cast<std::int64_t>(objects), " objects of ", pictures,
                         " test pictures that the region proposal network covers.");
  for (std::size_t k = 0; k < kRecallCounts.size(); ++k)
    table.rows.push_back({.name = std::to_string(kRecallCounts.at(k)),
                          .values = {found.at(k)[0] / objects, found.at(k)[1] / objects}});
  return table;
}

}  // namespace

std::unique_ptr<train::LearningConfig> DetectSystem::make_config() const {
  return std::make_unique<DetectConfig>();
}

std::vector<std::string> DetectSystem::resolve(train::LearningConfig& config) const {
  auto& mine = dynamic_cast<DetectConfig&>(config);
  mine.data.views.check();
  check_network(mine);
  resolve_training(mine);
  const auto set = open_boxes(mine, data::Split::kTrain);
  const auto classes = set->class_names();
  CLEW_CHECK(mine.data.classes.empty() || mine.data.classes == classes, "data.classes are ",
             join(mine.data.classes), ", but the pictures have ", join(classes));
  mine.data.classes = classes;
  mine.frozen_stride = resolved_frozen_stride(mine);
  if (has_proposals(mine)) (void)network_options(mine);
  return {concat(set->size(), " pictures with objects of ", classes.size(), " classes from ",
                 mine.data.dir.empty() ? "drawn scenes" : mine.data.dir,
                 mine.frozen_stride > 0
                     ? concat(", layers up to stride ", mine.frozen_stride, " frozen")
                     : "")};
}

std::shared_ptr<torch::nn::Module> DetectSystem::make_network(
    const train::LearningConfig& config) const {
  return make_detector(own(config));
}

std::unique_ptr<train::Task> DetectSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<DetectTask>(own(config));
}

std::vector<std::string> DetectSystem::start_names(const train::LearningConfig& config,
                                                   const std::string& name) const {
  if (name.starts_with("proposer.")) return {};  // of a run of alternating training
  const auto starts_with = [&](const char* part) { return name.starts_with(part); };
  if (own(config).network == kOneBoxName)
    return {starts_with("backbone.") || starts_with("head.") ? name : one_box_parameter(name)};
  if (own(config).network == kWindowsName) return {name};
  const bool is_detectors =
      starts_with("backbone.") || starts_with("rpn.") || starts_with("roi_heads.");
  const auto inner = is_detectors ? name : detector_parameter(own(config).network, name);
  if (own(config).training == DetectTraining::kJoint || inner.starts_with("roi_heads."))
    return {inner};
  return {inner, "proposer." + inner};
}

std::string DetectSystem::progress_text(const runs::MetricsLine& line) const {
  std::string text;
  if (const auto phase = line.get("phase")) text += concat("  phase ", fixed(*phase, 0));
  text += concat("  loss ", fixed(line.get("loss").value_or(std::nan("")), 3));
  if (const auto value = line.get("val_recall50"))
    text += concat("  validation recall ", percent(*value));
  if (const auto value = line.get("val_ap50"))
    text += concat("  validation AP50 ", percent(*value));
  if (const auto value = line.get("val_ap")) text += concat("  AP ", percent(*value));
  if (const auto value = line.get("val_mask_ap")) text += concat("  of masks ", percent(*value));
  return text;
}

runs::RunAbout DetectSystem::about(const train::LearningConfig& config,
                                   const train::Task& task) const {
  auto about = LearningSystem::about(config, task);
  about.title = approach_title(own(config));
  if (own(config).data.dir.empty()) about.notes.emplace_back("The pictures are drawn scenes.");
  if (own(config).training != DetectTraining::kAlternating) return about;
  std::string phases;
  for (std::size_t i = 0; i < config.train.phases.size(); ++i)
    phases += concat(i > 0 ? "; " : "", i + 1, ": ", config.train.phases[i]);
  about.notes.push_back(concat("Alternating training in phases. ", phases, "."));
  for (auto& plot : runs::learning_plots(ProposalEvaluator().result(), ""))
    if (plot.title.starts_with("Recall")) about.plots.push_back(std::move(plot));
  return about;
}

std::function<void(std::int64_t, bool)> DetectSystem::make_drawer(
    const fs::path& run, const train::Task& task,
    const std::function<train::Supervised&()>& learner) const {
  const auto& set = task.validation_set();
  const auto draw = [run, &set, learner](std::int64_t steps) {
    auto& now = learner();
    now.with_evaluated_weights([&] {
      const torch::NoGradGuard no_grad;
      const auto& training = dynamic_cast<const DetectTask&>(now.task());  // of the phase
      std::vector<image::Tile> tiles;
      for (std::int64_t i = 0; i < std::min(kDrawnPictures, set.size()); ++i)
        tiles.push_back(
            {.picture = draw_regions(training, now.network(), set.get(i, Key{})["image"], 0.5)});
      image::write(
          runs::step_picture(run, kProposalPictures, steps),
          image::grid(tiles,
                      {.columns = 2, .width = kTileSide, .height = kTileSide, .label_height = 0}));
    });
    const runs::Pictures gallery[] = {runs::pictures_of_steps(
        run, kProposalPictures, "Proposals and detections",
        "Pictures of the validation set with the 20 best proposals in blue and the detections in "
        "green, over the training.")};
    runs::write_gallery(run, gallery);
  };
  if (!has_proposals(dynamic_cast<const DetectTask&>(task).config())) return {};
  make_folders(runs::picture_folder(run));
  if (!path_exists(runs::step_picture(run, kProposalPictures, 0))) draw(0);
  return [draw](std::int64_t steps, bool is_last) {
    if (runs::is_pictured(steps) || is_last) draw(steps);
  };
}

train::RunEvaluation DetectSystem::describe(const fs::path& run,
                                            const train::LearningConfig& config,
                                            const train::Task& task,
                                            const train::Evaluator& evaluator,
                                            torch::nn::Module& network) const {
  const auto& boxes = dynamic_cast<const BoxEvaluator&>(evaluator);
  const auto& set = task.test_set();
  const auto classes = boxes.classes();
  const double score = own(config).regions.shown_score;
  const auto truths = boxes.truths();
  const auto measures = boxes.result();
  const auto* const masks = runs::find_measure(measures, "mask_ap");
  auto errors = box_errors(truths, boxes.detections(), score);
  runs::Evaluation evaluation{
      .summary =
          concat("On ", set.size(), " pictures of the test set with ", truths.size(),
                 " objects: AP50 ", percent(measures[1].value), ", AP ", percent(measures[0].value),
                 masks == nullptr ? "" : concat(", of masks ", percent(masks->value)),
                 " (COCO's rules).")};
  evaluation.tables.push_back(error_table(errors, classes));
  network.eval();
  if (has_proposals(own(config)))
    evaluation.tables.push_back(recall_table(detector_of(network), set));
  std::ranges::stable_sort(errors, std::greater<>(), &PictureErrors::total);
  errors.resize(std::min(errors.size(), kWorst));
  std::erase_if(errors, [](const PictureErrors& one) { return one.total() == 0; });
  auto worst = nlohmann::json::array();
  std::vector<image::Tile> tiles;
  for (const auto& one : errors) {
    using enum BoxVerdict;
    const auto wrong = one.total() - one.missed();
    worst.push_back({{"index", one.image},
                     {"file", printable(set.origin(one.image))},
                     {"found", one.count(kFound)},
                     {"missed", one.missed()},
                     {"wrong", wrong}});
    tiles.push_back({.picture = draw_errors(set, one, classes),
                     .label = concat(one.count(kFound), " found, ", one.missed(), " missed, ",
                                     wrong, " wrong")});
  }
  evaluation.details = nlohmann::json{{"pictures", set.size()}, {"worst", worst}}.dump();
  image::Image sheet;
  if (!tiles.empty()) {
    sheet = image::grid(tiles, {.columns = 3, .width = kTileSide, .height = kTileSide});
    evaluation.pictures.push_back(
        {.title = "Worst pictures",
         .caption = "Objects in white, named where they were missed; detections in green where "
                    "they found one, in red with their class where not.",
         .files = {kWorstFile},
         .labels = {"worst pictures"}});
  }
  return {.evaluation = std::move(evaluation), .write_pictures = [run, sheet] {
            if (sheet.pixels.empty()) return;
            make_folders(runs::picture_folder(run));
            image::write(run / kWorstFile, sheet);
          }};
}

runs::Evaluation DetectSystem::evaluate_predictions(const train::LearningConfig& /*config*/,
                                                    const fs::path& predictions,
                                                    const fs::path& truth) const {
  const auto boxes = read_judged_boxes(predictions, truth);
  const auto categories = static_cast<int>(std::ssize(boxes.classes));
  const auto result =
      evaluate_coco(boxes.truths, boxes.detections, {.categories = categories, .threads = 2});
  runs::Evaluation evaluation{
      .system = name(),
      .summary =
          concat(boxes.detections.size(), " detections in ", boxes.pictures, " pictures with ",
                 boxes.truths.size(), " objects of ", categories, " classes."),
      .measures = coco_measures(result)};
  for (const auto& [rule, label] :
       {std::pair(VocRule::kAllPoints, "voc"), std::pair(VocRule::kElevenPoints, "voc07")}) {
    double sum = 0, count = 0;
    for (const auto& one :
         evaluate_voc(boxes.truths, boxes.detections, {.categories = categories, .rule = rule})) {
      if (std::isnan(one.average_precision)) continue;
      sum += one.average_precision;
      ++count;
    }
    evaluation.measures.push_back(
        {.name = label, .value = sum / count, .unit = "share", .larger_is_better = true});
  }
  evaluation.tables = box_tables(result, boxes.truths, boxes.classes);
  if (!boxes.detection_masks.empty()) {
    const auto of_masks = evaluate_masks(boxes, 2);
    for (auto measure : coco_measures(of_masks)) {
      measure.name = "mask_" + measure.name;
      evaluation.measures.push_back(std::move(measure));
    }
    evaluation.tables.push_back(
        class_table(of_masks, boxes.truths, boxes.classes, "Masks of each class"));
  }
  evaluation.tables.push_back(
      error_table(box_errors(boxes.truths, boxes.detections, kJudgedScore), boxes.classes));
  evaluation.curves = box_curves(result, boxes.classes);
  return evaluation;
}

namespace {

class DetectPredictor : public train::Predictor {
 public:
  DetectPredictor(DetectFunction detect, const DetectConfig& config,
                  const train::PredictOptions& options)
      : detect_(std::move(detect)),
        classes_(config.data.classes),
        background_(config.data.background),
        shown_score_(config.regions.shown_score),
        options_(options) {}

  image::Background background() const override { return background_; }
  train::Prediction predict(std::span<const image::Image> pictures) override {
    train::Prediction prediction;
    auto picture = image::to_rgb(pictures[0]);
    const auto found = detect_({data::to_tensor(picture)})[0];
    auto objects = nlohmann::json::array();
    std::map<int, std::int64_t> counts;
    std::string best;
    std::int64_t shown = 0;
    for (std::int64_t i = 0; i < found.labels.numel(); ++i) {
      const auto label = static_cast<int>(found.labels[i].item<std::int64_t>()) - 1;
      const auto score = found.scores[i].item<double>();
      const auto box = box_at(found.boxes, i);
      const auto& name = class_at(classes_, label);
      objects.push_back({{"class", name},
                         {"score", score},
                         {"box", {box[0], box[1], box[0] + box[2], box[1] + box[3]}}});
      const auto mask = found.masks.defined() ? mask_at(found, i, picture) : torch::Tensor();
      if (mask.defined())
        objects.back()["mask"] = {{"size", {picture.height, picture.width}},
                                  {"counts", data::compressed(data::runs_of(
                                                 bytes_of(mask), picture.width, picture.height))}};
      if (score < shown_score_) continue;
      ++counts[label];
      const auto text = concat(name, " ", fixed(100 * score, 0), " %");
      if (shown++ < static_cast<std::int64_t>(kMostNamed))
        best +=
            concat(best.empty() ? "" : ", ", text, " in ", fixed(box[0], 0), ",", fixed(box[1], 0),
                   " to ", fixed(box[0] + box[2], 0), ",", fixed(box[1] + box[3], 0));
      if (!options_.wants_pictures) continue;
      const auto colour = class_colour(static_cast<std::size_t>(label));
      if (mask.defined()) image::tint(picture, bytes_of(mask), colour);
      draw_box(picture, box, colour, line_width(picture));
      draw_caption(picture, box, text, colour);
    }
    for (const auto& [label, count] : counts)
      prediction.text +=
          concat(prediction.text.empty() ? "" : ", ", count, " ", class_at(classes_, label));
    prediction.text = counts.empty()
                          ? "nothing"
                          : concat(prediction.text, ": ", best,
                                   shown > static_cast<std::int64_t>(kMostNamed) ? ", ..." : "");
    prediction.json =
        nlohmann::json{{"width", picture.width}, {"height", picture.height}, {"objects", objects}}
            .dump();
    if (options_.wants_pictures) prediction.picture = std::move(picture);
    return prediction;
  }

 private:
  DetectFunction detect_;
  std::vector<std::string> classes_;
  image::Background background_;
  double shown_score_;
  train::PredictOptions options_;
};

}  // namespace

std::unique_ptr<train::Predictor> DetectSystem::make_predictor(
    std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
    const train::PredictOptions& options) const {
  return std::make_unique<DetectPredictor>(fastest_detect(network), own(config), options);
}

train::ExportPlan DetectSystem::export_plan(const train::LearningConfig& config,
                                            torch::nn::Module& network,
                                            nn::ExportFormat format) const {
  if (has_proposals(own(config)))
    return detector_export(own(config).network, dynamic_cast<FasterRcnnImpl&>(network),
                           own(config).data.classes, format);
  if (format != nn::ExportFormat::kSafetensors)
    throw UsageError(concat("an export must be safetensors with network = ", own(config).network,
                            ", got ", name_of(format)));
  return {};
}

namespace {

/// An object of Prediction::json.
struct JsonObject {
  std::ptrdiff_t label;                    // from 0
  double left, top, width, height, score;  // pixels
  nlohmann::json mask;                     // null without one
};

std::vector<JsonObject> objects_of(const nlohmann::json& found,
                                   const std::vector<std::string>& classes) {
  std::vector<JsonObject> objects;
  for (const auto& object : found.at("objects")) {
    const auto label = std::ranges::find(classes, object["class"].get<std::string>());
    const auto edges = object["box"].get<std::array<double, 4>>();
    objects.push_back({.label = label - classes.begin(),
                       .left = edges[0],
                       .top = edges[1],
                       .width = edges[2] - edges[0],
                       .height = edges[3] - edges[1],
                       .score = object["score"],
                       .mask = object.value("mask", nlohmann::json())});
  }
  return objects;
}

/// COCO's JSON of results.
class CocoWriter : public train::PredictionWriter {
 public:
  CocoWriter(std::vector<std::string> classes, fs::path file)
      : classes_(std::move(classes)), file_(std::move(file)) {}

  void add(const train::Prediction& prediction) override {
    const auto stem = fs::path(prediction.name).stem().string();
    if (stem.size() <= 18 && stem.find_first_not_of("0123456789") == std::string::npos)
      numbers_.push_back(std::stoll(stem));
    ++pictures_;
    for (const auto& object : objects_of(nlohmann::json::parse(prediction.json), classes_)) {
      results_.push_back({{"image_id", pictures_},
                          {"category_id", object.label + 1},
                          {"bbox", {object.left, object.top, object.width, object.height}},
                          {"score", object.score}});
      if (!object.mask.is_null()) results_.back()["segmentation"] = object.mask;
    }
  }
  void close() override {
    if (std::ssize(numbers_) == pictures_) {
      for (auto& result : results_)
        result["image_id"] = numbers_[result["image_id"].get<std::size_t>() - 1];
    } else {
      log(LogLevel::kInfo, "image_id counts the pictures from 1, for their names are no numbers");
    }
    write_file_atomic(file_, results_.dump() + "\n");
  }

 private:
  std::vector<std::string> classes_;
  fs::path file_;
  std::int64_t pictures_ = 0;
  std::vector<long long> numbers_;  // that are names of pictures
  nlohmann::json results_ = nlohmann::json::array();
};

/// Texts of YOLO.
class YoloWriter : public train::PredictionWriter {
 public:
  YoloWriter(std::vector<std::string> classes, const fs::path& folder)
      : classes_(std::move(classes)), folder_(folder) {}

  void add(const train::Prediction& prediction) override {
    const auto found = nlohmann::json::parse(prediction.json);
    const double width = found["width"], height = found["height"];
    std::string text;
    for (const auto& object : objects_of(found, classes_))
      text += concat(object.label, " ", (object.left + object.width / 2) / width, " ",
                     (object.top + object.height / 2) / height, " ", object.width / width, " ",
                     object.height / height, " ", object.score, "\n");
    write_file_atomic(folder_.path(prediction).string() + ".txt", text);
  }

 private:
  std::vector<std::string> classes_;
  train::PredictionFolder folder_;
};

}  // namespace

std::unique_ptr<train::PredictionWriter> DetectSystem::make_prediction_writer(
    const train::LearningConfig& config, const std::string& format, const fs::path& out) const {
  const auto& classes = own(config).data.classes;
  if (format == "coco") return std::make_unique<CocoWriter>(classes, out);
  return std::make_unique<YoloWriter>(classes, out);
}

}  // namespace clew::detect
