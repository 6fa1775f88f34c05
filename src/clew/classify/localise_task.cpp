// SPDX-License-Identifier: Apache-2.0
#include "clew/classify/localise_task.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/ops/boxes/geometry.h"

namespace clew::classify {
namespace {

constexpr double kWanted = 0.5;  // IoU threshold of "localised"
constexpr double kBend = 0.1;    // beta of the smooth L1 loss

/// The object of scenes with one object, as columns label and box.
class SingleObject : public data::Dataset {
 public:
  explicit SingleObject(std::shared_ptr<const data::Dataset> scenes) : scenes_(std::move(scenes)) {}
  std::int64_t size() const override { return scenes_->size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    const auto scene = scenes_->get(index, key);
    return {{"image", scene["image"]}, {"label", scene["label"]}, {"box", scene["boxes"][0]}};
  }
  data::Columns columns() const override {
    auto all = scenes_->columns();
    return {all[0],
            all[1],
            {.name = "box",
             .shape = {4},
             .type = torch::kFloat32,
             .meaning = "edges xyxy in pixels of the object"}};
  }
  std::vector<std::string> class_names() const override { return scenes_->class_names(); }
  std::uint64_t content_hash() const override {
    return hash_text("single", scenes_->content_hash());
  }

 private:
  std::shared_ptr<const data::Dataset> scenes_;
};

/// Adds column `relative_box`: the box in relative coordinates.
class Placed : public data::Dataset {
 public:
  explicit Placed(std::shared_ptr<const data::Dataset> set) : set_(std::move(set)) {}
  std::int64_t size() const override { return set_->size(); }
  data::Example get(std::int64_t index, const Key& key) const override {
    const auto example = set_->get(index, key);
    const auto width = static_cast<float>(example["image"].size(2)),
               height = static_cast<float>(example["image"].size(1));
    return {{"image", example["image"]},
            {"label", example["label"]},
            {"relative_box", example["box"] / torch::tensor({width, height, width, height})}};
  }
  data::Columns columns() const override {
    auto all = set_->columns();
    all[2].name = "relative_box";
    all[2].meaning = "edges xyxy of the object in shares of the picture's sides";
    return all;
  }
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  std::uint64_t content_hash() const override { return hash_text("placed", set_->content_hash()); }

 private:
  std::shared_ptr<const data::Dataset> set_;
};

PictureSets open_object_sets(const LocaliseConfig& config) {
  PictureSets sets{open_objects(config, data::Split::kTrain),
                   open_objects(config, data::Split::kValidation),
                   open_objects(config, data::Split::kTest)};
  check_classes(config, sets.train->class_names());
  return sets;
}

std::shared_ptr<const LocaliseConfig> with_objects(LocaliseConfig config) {
  if (config.data.classes.empty())
    config.data.classes = open_objects(config, data::Split::kTrain)->class_names();
  return std::make_shared<const LocaliseConfig>(std::move(config));
}

/// relative_box [B,4] xyxy -> cxcywh.
torch::Tensor numbers_of(const torch::Tensor& box) {
  const auto low = box.slice(1, 0, 2), high = box.slice(1, 2, 4);
  return torch::cat({(low + high) / 2, high - low}, 1);
}

}  // namespace

std::shared_ptr<const data::Dataset> open_objects(const LocaliseConfig& config, data::Split split) {
  if (!config.data.dir.empty())
    throw UsageError("data.dir must be empty, for folders by class have no boxes, got '" +
                     config.data.dir + "'");
  auto options = scene_options(config, split);
  options.has_objects = true;
  return std::make_shared<Placed>(apply_views(
      config, std::make_shared<SingleObject>(std::make_shared<data::Scenes>(options)), split));
}

torch::Tensor boxes_of(const torch::Tensor& outputs) {
  const auto numbers = outputs.slice(1, outputs.size(1) - 4);
  const auto centre = numbers.slice(1, 0, 2), half = numbers.slice(1, 2, 4) / 2;
  return torch::cat({centre - half, centre + half}, 1);
}

void LocaliseEvaluator::add(const data::Batch& outputs, const data::Batch& batch) {
  const auto& logits = outputs["logits"];
  const auto count = static_cast<std::int64_t>(classes_.size());
  CLEW_CHECK(logits.dim() == 2 && logits.size(1) == count + 4, "outputs must be [B,", count + 4,
             "], got ", logits.sizes());
  const auto predicted = logits.slice(1, 0, count).argmax(1);
  const auto overlaps = ops::box_overlap(boxes_of(logits), batch["relative_box"]);
  for (std::int64_t i = 0; i < logits.size(0); ++i) {
    const auto label = batch["label"][i].item<std::int64_t>();
    const bool is_wrong = predicted[i].item<std::int64_t>() != label;
    const auto overlap = overlaps[i].item<double>();
    const std::array<double, 4> row = {static_cast<double>(label), is_wrong ? 1.0 : 0.0, overlap,
                                       !is_wrong && overlap >= kWanted ? 1.0 : 0.0};
    rows_.add(batch.indices[i].item<std::int64_t>(), row);
  }
}

std::vector<runs::Measure> LocaliseEvaluator::result() const {
  return {{.name = "error", .value = rows_.mean(1), .unit = "share"},
          {.name = "overlap", .value = rows_.mean(2), .unit = "share", .larger_is_better = true},
          {.name = "localised", .value = rows_.mean(3), .unit = "share", .larger_is_better = true}};
}

std::vector<runs::Table> LocaliseEvaluator::tables() const {
  runs::Table table{.title = "Each class",
                    .caption =
                        "Localised: the right class, and a box that overlaps the object's "
                        "with an intersection over union of at least 0.5.",
                    .row_title = "class",
                    .columns = {{.name = "localised", .unit = "share"},
                                {.name = "error", .unit = "share"},
                                {.name = "overlap", .unit = "share"},
                                {.name = "pictures"}},
                    .rows = {},
                    .style = runs::TableStyle::kBars};
  for (std::size_t one = 0; one < classes_.size(); ++one) {
    double count = 0, wrong = 0, overlap = 0, localised = 0;
    for (const auto& [number, row] : rows_.rows()) {
      if (row[0] != static_cast<double>(one)) continue;
      ++count;
      wrong += row[1], overlap += row[2], localised += row[3];
    }
    table.rows.push_back({.name = classes_[one],
                          .values = {localised / count, wrong / count, overlap / count, count}});
  }
  return {std::move(table)};
}

LocaliseTask::LocaliseTask(const LocaliseConfig& config) : LocaliseTask(with_objects(config)) {}
LocaliseTask::LocaliseTask(const std::shared_ptr<const LocaliseConfig>& config)
    : PictureTask(config, std::ssize(config->data.classes) + 4, open_object_sets(*config)),
      box_loss_(config->box_loss),
      box_weight_(config->box_weight) {}

train::Loss LocaliseTask::loss(const data::Batch& outputs, const data::Batch& batch,
                               const Key& /*key*/) const {
  const auto all = outputs["logits"].to(torch::kFloat32);
  const auto count = all.size(1) - 4;
  const auto logits = all.slice(1, 0, count);
  const auto class_loss = torch::cross_entropy_loss(logits, batch["label"]);
  const auto numbers = all.slice(1, count), wanted = numbers_of(batch["relative_box"]);
  const auto box_loss = box_loss_ == BoxLoss::kMse
                            ? torch::mse_loss(numbers, wanted)
                            : torch::smooth_l1_loss(numbers, wanted, at::Reduction::Mean, kBend);
  const auto value = class_loss + box_loss * box_weight_;
  const torch::NoGradGuard no_grad;
  const auto is_right = logits.argmax(1).eq(batch["label"]);
  const auto overlap = ops::box_overlap(boxes_of(all), batch["relative_box"]);
  return {
      .value = value,
      .metrics = {
          {"loss", value.item<double>()},
          {"box_loss", box_loss.item<double>()},
          {"error", 1 - is_right.to(torch::kFloat32).mean().item<double>()},
          {"overlap", overlap.mean().item<double>()},
          {"localised",
           is_right.logical_and(overlap.ge(kWanted)).to(torch::kFloat32).mean().item<double>()}}};
}

}  // namespace clew::classify
