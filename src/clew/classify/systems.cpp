// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/systems.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "clew/classify/grad_cam.h"
#include "clew/classify/localise_task.h"
#include "clew/classify/multilabel_task.h"
#include "clew/classify/transfer_task.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/folders.h"
#include "clew/data/image_tensor.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/runs/gallery.h"
#include "clew/train/classification.h"

namespace clew::classify {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNamed = 5;                  // classes of a prediction
constexpr std::uint64_t kLongestAnswers = 1ULL << 30;  // bytes of a file
constexpr int kWorst = 24;                             // mistakes of a sheet
constexpr std::int64_t kLookedAt = 12;                 // pictures of a sheet
constexpr int kTileSide = 168;                         // pixels
constexpr int kSheetColumns = 6;
constexpr const char *kMistakesFile = "pictures/mistakes.png", *kHeatFile = "pictures/grad_cam.png",
                     *kBoxesFile = "pictures/boxes.png";
constexpr image::Colour kRightColour = {150, 220, 150}, kWrongColour = {255, 120, 100},
                        kTrueBox = {255, 255, 255}, kFoundBox = {255, 160, 0};

template <class Config>
const Config& as(const train::LearningConfig& config) {
  return dynamic_cast<const Config&>(config);
}

image::GridLayout sheet_layout() {
  return {.columns = kSheetColumns, .width = kTileSide, .height = kTileSide};
}

/// Indices of examples spread evenly over a set.
std::vector<std::int64_t> some_of(const data::Dataset& set, std::int64_t count) {
  std::vector<std::int64_t> numbers;
  const auto shown = std::min(count, set.size());
  for (std::int64_t i = 0; i < shown; ++i) numbers.push_back(i * set.size() / shown);
  return numbers;
}

std::string name_at(const std::vector<std::string>& classes, std::int64_t number) {
  return classes.at(static_cast<std::size_t>(number));
}

/// Drawn pictures of an evaluation, by file name in the run folder.
struct Drawn {
  std::vector<std::pair<std::string, image::Image>> files;

  void write(const fs::path& run) const {
    make_folders(runs::picture_folder(run));
    for (const auto& [file, picture] : files) image::write(run / file, picture);
  }
};

/// Draws a box [4] f32 xyxy, relative, on a picture.
void draw_box(image::Image& picture, const torch::Tensor& box, image::Colour colour) {
  const auto at = box.contiguous();
  const float* edges = at.data_ptr<float>();
  const auto width = static_cast<float>(picture.width), height = static_cast<float>(picture.height);
  image::draw_rectangle(picture, edges[0] * width, edges[1] * height, edges[2] * width - 1,
                        edges[3] * height - 1, {.colour = colour, .width = 2});
}

}  // namespace

std::unique_ptr<train::LearningConfig> TransferSystem::make_config() const {
  return std::make_unique<TransferConfig>();
}
std::unique_ptr<train::Task> TransferSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<TransferTask>(as<TransferConfig>(config));
}
std::shared_ptr<const data::Dataset> TransferSystem::open(const PictureConfig& config,
                                                          data::Split split) const {
  return open_pictures(dynamic_cast<const TransferConfig&>(config), split);
}

void TransferSystem::answer(train::Prediction& prediction, const torch::Tensor& logits,
                            const std::vector<std::string>& classes, const torch::Tensor& image,
                            bool wants_picture) const {
  const auto shares = torch::softmax(logits.to(torch::kFloat64), 0);
  const auto [values, order] =
      shares.topk(static_cast<std::int64_t>(std::min(kMostNamed, classes.size())));
  auto list = nlohmann::json::array();
  for (std::int64_t i = 0; i < values.numel(); ++i) {
    const auto name = name_at(classes, order[i].item<std::int64_t>());
    const auto share = values[i].item<double>();
    list.push_back({{"class", name}, {"probability", share}});
    prediction.text += concat(i == 0 ? "" : ", ", name, " ", fixed(100 * share, 1), " %");
  }
  if (wants_picture)
    prediction.picture =
        labelled_picture(image, concat(list[0]["class"].get<std::string>(), " ",
                                       fixed(100 * list[0]["probability"].get<double>(), 1), " %"));
  prediction.json = nlohmann::json{{"class", list[0]["class"]}, {"classes", list}}.dump();
}

train::RunEvaluation TransferSystem::describe(const fs::path& run,
                                              const train::LearningConfig& config,
                                              const train::Task& task,
                                              const train::Evaluator& evaluator,
                                              torch::nn::Module& network) const {
  const auto report = dynamic_cast<const train::ClassificationEvaluator&>(evaluator).report(kWorst);
  const auto& set = task.test_set();
  const auto& classes = as<TransferConfig>(config).data.classes;
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  runs::Evaluation evaluation{
      .summary = concat(
          "Of ", report.examples, " pictures of the test set ", fixed(100 * (1 - report.error), 1),
          " % are of the class that the network says; loss ", fixed(report.loss, 4), " nats.")};
  Drawn drawn;
  auto mistakes = nlohmann::json::array();
  for (const auto& mistake : report.worst)
    mistakes.push_back({{"index", mistake.index},
                        {"file", printable(set.origin(mistake.index))},
                        {"target", name_at(classes, mistake.target)},
                        {"predicted", name_at(classes, mistake.predicted)},
                        {"confidence", mistake.confidence}});
  if (!report.worst.empty()) {
    drawn.files.emplace_back(kMistakesFile,
                             train::draw_mistakes(set, report.worst, classes, sheet_layout()));
    evaluation.pictures.push_back(
        {.title = "Worst mistakes",
         .caption = "The true class, the predicted one, and how sure the network was of it.",
         .files = {kMistakesFile},
         .labels = {"mistakes"}});
  }
  std::vector<image::Tile> tiles;
  for (const auto number : some_of(set, kLookedAt)) {
    const auto example = set.get(number, Key{});
    const auto& picture = example["image"];
    const auto said = backbone.forward(picture.unsqueeze(0))[0].argmax().item<std::int64_t>();
    const auto label = example["label"].item<std::int64_t>();
    tiles.push_back({.picture = data::to_image(picture), .label = name_at(classes, label)});
    tiles.push_back({.picture = draw_heat(picture, grad_cam(backbone, picture, said)),
                     .label = concat("as ", name_at(classes, said)),
                     .colour = said == label ? kRightColour : kWrongColour});
  }
  drawn.files.emplace_back(kHeatFile, image::grid(tiles, sheet_layout()));
  evaluation.pictures.push_back(
      {.title = "What the network looked at",
       .caption = "Pictures of the test set, and beside each what in it speaks for the class that "
                  "the network says: Grad-CAM (Selvaraju et al. 2017) of its last map.",
       .files = {kHeatFile},
       .labels = {"Grad-CAM"}});
  evaluation.details = nlohmann::json{{"examples", report.examples}, {"mistakes", mistakes}}.dump();
  return {.evaluation = std::move(evaluation),
          .write_pictures = [run, drawn] { drawn.write(run); }};
}

runs::Evaluation TransferSystem::evaluate_predictions(const train::LearningConfig& /*config*/,
                                                      const fs::path& predictions,
                                                      const fs::path& truth) const {
  std::vector<std::string> classes;
  std::map<std::string, std::int64_t> labels;  // by canonical path
  std::error_code ignored;
  for (const auto& one : data::list_classes(truth)) {
    for (const auto& file : one.files)
      labels[fs::weakly_canonical(file, ignored).string()] = std::ssize(classes);
    classes.push_back(one.name);
  }
  const auto where = predictions.string();
  const auto list = nlohmann::json::parse(read_text(predictions, kLongestAnswers), nullptr, false);
  CLEW_CHECK(list.is_array(), where,
             ": must be a JSON list of answers, as `clew predict --json` prints it");
  train::ClassificationEvaluator evaluator(classes);
  std::set<std::string> answered;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto& item = list[i];
    const auto text = [&](const char* key) {
      CLEW_CHECK(item.is_object() && item.contains(key) && item[key].is_string(), where,
                 ": answer ", i + 1, " must have '", key, "', a text");
      return item[key].get<std::string>();
    };
    const auto image = text("image"), name = text("class");
    auto file = labels.find(fs::weakly_canonical(image, ignored).string());
    if (file == labels.end())
      file = labels.find(fs::weakly_canonical(truth / image, ignored).string());
    CLEW_CHECK(file != labels.end(), where, ": '", excerpt(image), "' is no picture of ",
               truth.string());
    CLEW_CHECK(answered.insert(file->first).second, where, ": '", excerpt(image),
               "' is answered twice");
    const auto said = std::ranges::find(classes, name);
    CLEW_CHECK(said != classes.end(), where, ": '", excerpt(name), "' is no class of ",
               truth.string(), " (", join(classes), ")");
    data::Batch outputs, batch;
    outputs.set("logits", torch::zeros({1, std::ssize(classes)}));
    outputs["logits"][0][said - classes.begin()] = 1;
    batch.set("label", torch::tensor({file->second}));
    batch.indices = torch::tensor({static_cast<std::int64_t>(i)});
    evaluator.add(outputs, batch);
  }
  for (const auto& [file, label] : labels)
    CLEW_CHECK(answered.contains(file), where, ": has no answer for '", excerpt(file), "', one of ",
               labels.size() - answered.size(), " that are missing");
  const auto report = evaluator.report(0);
  return {
      .system = name(),
      .summary = concat("Of ", report.examples, " pictures ", fixed(100 * (1 - report.error), 1),
                        " % are of the class that was said."),
      .measures = {*runs::find_measure(evaluator.result(), "error")},
      .tables = evaluator.tables()};
}

std::unique_ptr<train::LearningConfig> MultilabelSystem::make_config() const {
  return std::make_unique<MultilabelConfig>();
}
std::unique_ptr<train::Task> MultilabelSystem::make_task(
    const train::LearningConfig& config) const {
  return std::make_unique<MultilabelTask>(as<MultilabelConfig>(config));
}
std::shared_ptr<const data::Dataset> MultilabelSystem::open(const PictureConfig& config,
                                                            data::Split split) const {
  return open_labelled(dynamic_cast<const MultilabelConfig&>(config), split);
}

void MultilabelSystem::answer(train::Prediction& prediction, const torch::Tensor& logits,
                              const std::vector<std::string>& classes, const torch::Tensor& image,
                              bool wants_picture) const {
  const auto shares = torch::sigmoid(logits.to(torch::kFloat64));
  const auto order = shares.argsort(0, true);
  auto list = nlohmann::json::array(), found = nlohmann::json::array();
  for (std::int64_t i = 0; i < order.numel(); ++i) {
    const auto name = name_at(classes, order[i].item<std::int64_t>());
    const auto share = shares[order[i].item<std::int64_t>()].item<double>();
    list.push_back({{"class", name}, {"probability", share}});
    if (share <= 0.5) continue;
    found.push_back(name);
    prediction.text +=
        concat(prediction.text.empty() ? "" : ", ", name, " ", fixed(100 * share, 1), " %");
  }
  if (prediction.text.empty()) prediction.text = "none";
  if (wants_picture) prediction.picture = labelled_picture(image, prediction.text);
  prediction.json = nlohmann::json{{"labels", found}, {"classes", list}}.dump();
}

std::unique_ptr<train::LearningConfig> LocaliseSystem::make_config() const {
  return std::make_unique<LocaliseConfig>();
}
std::unique_ptr<train::Task> LocaliseSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<LocaliseTask>(as<LocaliseConfig>(config));
}
std::shared_ptr<const data::Dataset> LocaliseSystem::open(const PictureConfig& config,
                                                          data::Split split) const {
  return open_objects(dynamic_cast<const LocaliseConfig&>(config), split);
}

void LocaliseSystem::answer(train::Prediction& prediction, const torch::Tensor& logits,
                            const std::vector<std::string>& classes, const torch::Tensor& image,
                            bool wants_picture) const {
  const auto shares = torch::softmax(logits.slice(0, 0, std::ssize(classes)), 0);
  const auto number = shares.argmax().item<std::int64_t>();
  const auto relative = boxes_of(logits.unsqueeze(0))[0].clamp(0, 1);
  const auto width = static_cast<double>(image.size(2)),
             height = static_cast<double>(image.size(1));
  const std::array<double, 4> box = {
      relative[0].item<double>() * width, relative[1].item<double>() * height,
      relative[2].item<double>() * width, relative[3].item<double>() * height};
  const auto share = shares[number].item<double>();
  const auto label = concat(name_at(classes, number), " ", fixed(100 * share, 1), " %");
  prediction.text = concat(label, " in ", fixed(box[0], 0), ",", fixed(box[1], 0), " to ",
                           fixed(box[2], 0), ",", fixed(box[3], 0));
  if (wants_picture) {
    auto picture = data::to_image(image);
    draw_box(picture, relative, kFoundBox);
    const image::Tile tile[] = {{.picture = std::move(picture), .label = label}};
    prediction.picture = image::grid(tile, {.columns = 1});
  }
  prediction.json = nlohmann::json{
      {"class", name_at(classes, number)},
      {"probability", share},
      {"box", box}}.dump();
}

train::RunEvaluation LocaliseSystem::describe(const fs::path& run,
                                              const train::LearningConfig& config,
                                              const train::Task& task,
                                              const train::Evaluator& /*evaluator*/,
                                              torch::nn::Module& network) const {
  const auto& backbone = dynamic_cast<nn::BackboneImpl&>(network);
  const auto& classes = as<LocaliseConfig>(config).data.classes;
  const auto& set = task.test_set();
  std::vector<image::Tile> tiles;
  for (const auto number : some_of(set, 2 * kLookedAt)) {
    const auto example = set.get(number, Key{});
    const auto outputs = backbone.forward(example["image"].unsqueeze(0)).to(torch::kFloat32);
    const auto said = outputs[0].slice(0, 0, std::ssize(classes)).argmax().item<std::int64_t>();
    const auto label = example["label"].item<std::int64_t>();
    auto picture = data::to_image(example["image"]);
    draw_box(picture, example["relative_box"], kTrueBox);
    draw_box(picture, boxes_of(outputs)[0].clamp(0, 1), kFoundBox);
    tiles.push_back({.picture = std::move(picture),
                     .label = said == label
                                  ? name_at(classes, label)
                                  : concat(name_at(classes, label), " as ", name_at(classes, said)),
                     .colour = said == label ? kRightColour : kWrongColour});
  }
  Drawn drawn;
  drawn.files.emplace_back(kBoxesFile, image::grid(tiles, sheet_layout()));
  runs::Evaluation evaluation;
  evaluation.pictures.push_back({.title = "Boxes",
                                 .caption = "Pictures of the test set: the object's box in white, "
                                            "the network's in orange.",
                                 .files = {kBoxesFile},
                                 .labels = {"boxes"}});
  return {.evaluation = std::move(evaluation),
          .write_pictures = [run, drawn] { drawn.write(run); }};
}

}  // namespace clew::classify
