// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_task.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/nn/export/export.h"
#include "clew/train/classification.h"
#include "clew/train/processes.h"
#include "clew/train/run_folder.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPictures = "pictures";
constexpr std::int64_t kPictureDigits = 18;
constexpr std::uint64_t kKeyTraining = 0, kKeyTrainDigits = 1, kKeyTestDigits = 2;

}  // namespace

DigitTask::DigitTask(const WarpConfig& config)
    : config_(config),
      train_(data::make_digits(config.data, data::Split::kTrain,
                               split(Key{config.seed}, kKeyTrainDigits))),
      test_(data::make_digits(config.data, data::Split::kTest,
                              split(Key{config.seed}, kKeyTestDigits))) {
  const auto first = train_->get(0, Key{0}).input;
  shape_ = {.channels = first.size(0),
            .side = first.size(1),
            .classes = static_cast<std::int64_t>(train_->class_names().size())};
}

std::shared_ptr<torch::nn::Module> DigitTask::make_network() const {
  return DigitNetwork(config_.network, shape_).ptr();
}

train::Loss DigitTask::loss(torch::nn::Module& network, const data::Batch& batch) const {
  auto& digits = dynamic_cast<DigitNetworkImpl&>(network);
  return train::classification_loss(digits.forward(batch.inputs), batch.targets);
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

fs::path warp_picture(const fs::path& run, std::int64_t steps) {
  return run / kPictures / ("warps_" + train::step_digits(steps) + ".png");
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
    image::write(warp_picture(run, steps), draw_warps(network, task.test_set(), shown));
  };
  auto drawing = callbacks;
  if (!network.transformers().empty() && learner.processes()->is_first()) {
    make_folders(run / kPictures);
    if (!is_resumed) draw(0);
    drawing.on_log = [&](const train::Progress& progress) {
      if (progress.line.get("test_error")) draw(progress.steps);
      if (callbacks.on_log) callbacks.on_log(progress);
    };
  }
  return train::train_run(run, learner, config.train.loop(), is_resumed, drawing);
}

DigitNetwork load_best(const fs::path& run, const WarpConfig& config, const DigitShape& shape) {
  const auto checkpoint = train::best_checkpoint(run);
  DigitNetwork network(config.network, shape);
  train::load_network(*network, std::as_bytes(std::span(checkpoint.bytes)),
                      checkpoint.path.string());
  return network;
}

void export_network(const fs::path& run, const fs::path& out) {
  const WarpConfig config = read_run(run);
  const DigitTask task(config);
  auto network = load_best(run, config, task.shape());
  const auto& shape = task.shape();
  std::string classes;
  for (const auto& name : task.test_set().class_names())
    classes += (classes.empty() ? "" : ",") + name;
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
