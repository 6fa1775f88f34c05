// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_task.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/nn/export/export.h"
#include "clew/train/classification.h"
#include "clew/train/processes.h"
#include "clew/warp/gallery.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPictureDigits = 18;
constexpr std::uint64_t kKeyTraining = 0, kKeyTrainDigits = 1, kKeyTestDigits = 2;

}  // namespace

DigitLook look_of(const std::string& kind) {
  const auto digit = std::make_shared<const data::DrawnDigits>(
      data::DrawnDigitsOptions{.size = 1, .is_fixed = true});
  const auto set = data::make_kind(kind, digit, data::Split::kTest, Key{});
  const auto image = set->get(0, Key{})["image"];
  auto names = set->class_names();
  return {.shape = {.channels = image.size(0),
                    .side = image.size(1),
                    .classes = static_cast<std::int64_t>(names.size())},
          .class_names = std::move(names)};
}

DigitTask::DigitTask(const WarpConfig& config)
    : config_(config),
      shape_(look_of(config.data.kind).shape),
      train_(data::make_digits(config.data, data::Split::kTrain,
                               split(Key{config.seed}, kKeyTrainDigits))),
      test_(data::make_digits(config.data, data::Split::kTest,
                              split(Key{config.seed}, kKeyTestDigits))) {}

std::shared_ptr<torch::nn::Module> DigitTask::make_network() const {
  return DigitNetwork(config_.network, shape_).ptr();
}

train::Loss DigitTask::loss(torch::nn::Module& network, const data::Batch& batch,
                            const Key& /*key*/) const {
  auto& digits = dynamic_cast<DigitNetworkImpl&>(network);
  return train::classification_loss(digits.forward(batch["image"]), batch["label"]);
}

std::vector<train::ParameterGroup> DigitTask::groups(const torch::nn::Module& network) const {
  std::vector<train::ParameterGroup> groups;
  if (config_.network.localiser_lr == 1) return groups;
  for (const auto& prefix : localiser_prefixes(network))
    groups.push_back({.prefix = prefix, .lr_factor = config_.network.localiser_lr});
  return groups;
}

fs::path create_run(const fs::path& root, const std::string& recipe, const WarpConfig& config,
                    const std::string& about) {
  WarpConfig written = config;
  written.data.source = data::digits_source(config.data);
  written.train = config.train.resolved();
  if (!written.data.dir.empty()) written.data.dir = fs::absolute(written.data.dir).string();
  const auto run = train::create_run_folder(root, recipe);
  train::write_run_config(run, about, dump_toml(written));
  return run;
}

WarpConfig read_run(const fs::path& run, train::Processes* processes) {
  WarpConfig config;
  load(config, parse_toml(train::read_run_config(run, processes), (run / "config.toml").string()));
  return config;
}

train::RunEnd train_run(const fs::path& run, bool is_resumed, const train::RunCallbacks& callbacks,
                        train::Processes* processes) {
  const WarpConfig config = read_run(run, processes);
  const DigitTask task(config);
  train::Supervised learner(task, config.train, split(Key{config.seed}, kKeyTraining), processes);
  auto& network = dynamic_cast<DigitNetworkImpl&>(learner.network());
  std::vector<std::int64_t> shown(
      static_cast<std::size_t>(std::min<std::int64_t>(kPictureDigits, task.test_set().size())));
  std::iota(shown.begin(), shown.end(), 0);
  const auto draw = [&](std::int64_t steps) {
    learner.with_evaluated_weights([&] {
      image::write(warp_picture(run, steps), draw_warps(network, task.test_set(), shown));
    });
    write_gallery(run);
  };
  auto drawing = callbacks;
  if (!network.transformers().empty() && learner.processes()->is_first()) {
    make_folders(picture_folder(run));
    // Of the new weights, also where a run was killed before it could be made.
    if (!path_exists(warp_picture(run, 0))) draw(0);
    drawing.on_update = [&](std::int64_t steps, double rate, double left) {
      if (is_pictured(steps) || learner.is_finished()) draw(steps);
      if (callbacks.on_update) callbacks.on_update(steps, rate, left);
    };
  }
  return train::train_run(run, learner, config.train.loop(), is_resumed, drawing);
}

DigitNetwork load_checkpoint(const train::Checkpoint& checkpoint, const WarpConfig& config,
                             const DigitShape& shape) {
  DigitNetwork network(config.network, shape);
  train::load_network(*network, std::as_bytes(std::span(checkpoint.bytes)),
                      checkpoint.path.string());
  return network;
}

DigitNetwork load_best(const fs::path& run, const WarpConfig& config, const DigitShape& shape) {
  return load_checkpoint(train::best_checkpoint(run), config, shape);
}

void export_network(const fs::path& run, const fs::path& out) {
  const WarpConfig config = read_run(run);
  const auto [shape, names] = look_of(config.data.kind);
  auto network = load_best(run, config, shape);
  std::string classes;
  for (const auto& name : names) classes += (classes.empty() ? "" : ",") + name;
  nn::export_network(
      *network,
      [&network](const std::vector<torch::Tensor>& inputs) {
        return std::vector<torch::Tensor>{network->forward(inputs.at(0))};
      },
      out,
      {.name = "digits",
       .inputs = {{"images",
                   {-1, shape.channels, shape.side, shape.side},
                   concat("[B,", shape.channels, ",", shape.side, ",", shape.side,
                          "] f32 in [0,1]")}},
       .outputs = {{.name = "logits", .note = concat("[B,", shape.classes, "] f32 (raw)")}},
       .metadata = {{"classes", classes}}});
}

}  // namespace clew::warp
