// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/locate_system.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/digits_config.h"
#include "clew/data/distorted_digits.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/nn/weights.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/runs/evaluation.h"
#include "clew/runs/gallery.h"
#include "clew/train/supervised_run.h"
#include "clew/warp/digit_system.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBoxes = "pictures/boxes.png";
constexpr int kPictures = 24, kPictureScale = 2;
constexpr image::Colour kTruth = {0, 158, 115}, kFound = {230, 159, 0};

const LocateConfig& own_config(const train::LearningConfig& config) {
  return dynamic_cast<const LocateConfig&>(config);
}

/// Pictures with ground truth and predicted box.
image::Image draw_boxes(LocatorImpl& locator, const data::Dataset& set, std::size_t start) {
  std::vector<image::Tile> tiles;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(kPictures, set.size()); ++i) {
    const auto example = set.get(i, Key{});
    locator.cut(start, example["image"].unsqueeze(0));
    const auto box = locator.boxes(), target = example["box"].unsqueeze(0);
    const auto overlap = static_cast<int>(100 * ops::box_overlap(box, target).item<double>());
    auto picture = digit_picture(example["image"], kPictureScale);
    const auto draw = [&](const torch::Tensor& b, image::Colour colour) {
      const auto at = [&](int k) {
        return kPictureScale * std::clamp(b[0][k].item<float>(), -999.0F, 999.0F);
      };
      image::draw_rectangle(picture, at(0), at(1), at(2) - 1, at(3) - 1,
                            {.colour = colour, .width = 2});
    };
    draw(target, kTruth);
    draw(box, kFound);
    tiles.push_back({.picture = std::move(picture),
                     .label = concat("IoU 0.", overlap < 10 ? "0" : "", std::min(99, overlap))});
  }
  return image::grid(tiles, {.columns = 8});
}

}  // namespace

std::vector<std::string> LocateSystem::resolve(train::LearningConfig& config) const {
  auto& own = dynamic_cast<LocateConfig&>(config);
  check_pairs(own);
  if (own.encoder.empty()) {
    throw UsageError(
        "encoder must be the run folder of a network that reads plain digits, got none; "
        "`clew train warp/plain` makes one");
  }
  const auto read = train::read_run(DigitSystem(), own.encoder);
  const auto& reader = dynamic_cast<const WarpConfig&>(*read);
  if (reader.data.kind != data::DigitsKind::kPlain || reader.network.transform) {
    throw UsageError(
        concat("encoder must be a run with data.kind = plain and network.transform = "
               "none, got ",
               name_of(reader.data.kind), " and ",
               reader.network.transform ? name_of(*reader.network.transform) : "none", " in ",
               own.encoder));
  }
  data::DigitsConfig digits;
  digits.source = own.data.source;
  digits.dir = own.data.dir;
  auto notes = data::resolve_digits(digits);
  own.data.source = digits.source;
  own.data.dir = digits.dir;
  own.encoder_network = reader.network;
  (void)train::load_run(DigitSystem(), own.encoder);  // checks that it can be read
  return notes;
}

std::shared_ptr<torch::nn::Module> LocateSystem::make_network(
    const train::LearningConfig& config) const {
  return Locator(own_config(config), data::LocatedOptions{}.side).ptr();
}

std::unique_ptr<train::Task> LocateSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<LocateTask>(own_config(config));
}

void LocateSystem::begin(torch::nn::Module& network, const train::LearningConfig& config) const {
  const auto encoder = train::load_run(DigitSystem(), own_config(config).encoder);
  auto& locator = dynamic_cast<LocatorImpl&>(network);
  (void)nn::load_weights(*locator.encoder, nn::state_of(*encoder), own_config(config).encoder);
  locator.measure(LocateTask(own_config(config)).plain_digits());
}

std::string LocateSystem::progress_text(const runs::MetricsLine& line) const {
  const auto get = [&](const char* name) { return line.get(name).value_or(std::nan("")); };
  char text[120];
  std::snprintf(text, sizeof text, "  loss %.3f  found %.0f %%  overlap %.2f", get("loss"),
                100 * (1 - get("error")), get("overlap"));
  return text;
}

train::RunEvaluation LocateSystem::describe(const fs::path& run,
                                            const train::LearningConfig& config,
                                            const train::Task& task,
                                            const train::Evaluator& evaluator,
                                            torch::nn::Module& network) const {
  const auto& data = own_config(config).data;
  const auto measures = evaluator.result();
  const double found = 1 - runs::find_measure(measures, "error")->value,
               overlap = runs::find_measure(measures, "overlap")->value;
  const auto pictures = task.test_set().size();
  char text[200];
  std::snprintf(text, sizeof text,
                "The digit %d (%s) in %lld pictures with %d pieces of others: %.0f %% found, mean "
                "overlap %.2f.",
                data.digit, std::string(name_of(data.source)).c_str(),
                static_cast<long long>(pictures), data.patches, 100 * found, overlap);
  const nlohmann::json details = {{"source", name_of(data.source)},
                                  {"digit", data.digit},
                                  {"patches", data.patches},
                                  {"pictures", pictures},
                                  {"found", found}};
  const auto boxes = draw_boxes(dynamic_cast<LocatorImpl&>(network), task.test_set(),
                                dynamic_cast<const LocateEvaluator&>(evaluator).best_start());
  const auto write_pictures = [run, boxes] {
    make_folders(runs::picture_folder(run));
    image::write(run / kBoxes, boxes);
  };
  return {
      .evaluation =
          {.summary = text,
           .pictures = {{.title = "Where it looks",
                         .caption = "What the transformer cuts out (orange) and where the digit is "
                                    "(green), which it was never told.",
                         .files = {kBoxes},
                         .labels = {"boxes"}}},
           .details = details.dump()},
      .write_pictures = write_pictures};
}

}  // namespace clew::warp
