// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/digit_system.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"
#include "clew/image/video.h"
#include "clew/train/classification.h"
#include "clew/train/supervised_run.h"
#include "clew/warp/digit_task.h"
#include "clew/warp/gallery.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPictureDigits = 18;
constexpr double kFramesPerSecond = 8;

/// The frames as a video whose sides are even, as encoders want them.
void write_video(const std::filesystem::path& path,
                 const std::vector<std::filesystem::path>& frames) {
  std::optional<image::VideoWriter> video;
  for (const auto& file : frames) {
    auto frame = image::read(file);
    frame = image::crop(frame, {0, 0, frame.width / 2 * 2, frame.height / 2 * 2});
    if (!video) video.emplace(path, frame.width, frame.height, kFramesPerSecond);
    video->write(frame);
  }
  if (video) video->close();
}

/// Whether the outermost pixels of a grey picture are light, on average.
bool has_light_ground(const image::FloatImage& grey) {
  double sum = 0;
  int count = 0;
  for (int y = 0; y < grey.height; ++y) {
    for (int x = 0; x < grey.width; ++x) {
      if (y > 0 && y + 1 < grey.height && x > 0 && x + 1 < grey.width) continue;
      sum += grey.pixels[static_cast<std::size_t>(y * grey.width + x)];
      ++count;
    }
  }
  return 2 * sum > count;
}

const WarpConfig& own(const train::LearningConfig& config) {
  return dynamic_cast<const WarpConfig&>(config);
}

std::string json_of(const WarpConfig& config, const train::ClassificationReport& classes,
                    std::int64_t parameters) {
  auto mistakes = nlohmann::json::array();
  for (const auto& mistake : classes.worst) {
    mistakes.push_back({{"index", mistake.index},
                        {"target", mistake.target},
                        {"predicted", mistake.predicted},
                        {"confidence", mistake.confidence}});
  }
  const nlohmann::json root = {{"kind", config.data.kind},       {"source", config.data.source},
                               {"parameters", parameters},       {"examples", classes.examples},
                               {"error", classes.error},         {"loss", classes.loss},
                               {"classes", classes.classes},     {"confusion", classes.confusion},
                               {"mistakes", std::move(mistakes)}};
  return root.dump();
}

}  // namespace

std::vector<std::string> DigitSystem::resolve(train::LearningConfig& config) const {
  return data::resolve_digits(dynamic_cast<WarpConfig&>(config).data);
}

std::shared_ptr<torch::nn::Module> DigitSystem::make_network(
    const train::LearningConfig& config) const {
  return DigitNetwork(own(config).network, look_of(own(config).data.kind).shape).ptr();
}

std::unique_ptr<train::Task> DigitSystem::make_task(const train::LearningConfig& config) const {
  return std::make_unique<DigitTask>(own(config));
}

std::string DigitSystem::progress_text(const train::MetricsLine& line) const {
  const auto get = [&](const char* name) { return line.get(name).value_or(std::nan("")); };
  char text[120];
  std::snprintf(text, sizeof text, "  epoch %.1f  loss %.3f  error %.2f %%", get("epoch"),
                get("loss"), 100 * get("error"));
  std::string all = text;
  if (!std::isnan(get("val_error"))) {
    std::snprintf(text, sizeof text, "  validation error %.2f %%", 100 * get("val_error"));
    all += text;
  }
  return all;
}

std::function<void(std::int64_t, bool)> DigitSystem::make_drawer(const fs::path& run,
                                                                 const train::Task& task,
                                                                 train::Supervised& learner) const {
  auto& network = dynamic_cast<DigitNetworkImpl&>(learner.network());
  if (network.transformers().empty()) return {};
  const auto& set = task.validation_set();
  std::vector<std::int64_t> examples(
      static_cast<std::size_t>(std::min<std::int64_t>(kPictureDigits, set.size())));
  std::iota(examples.begin(), examples.end(), 0);
  const auto draw = [run, &network, &set, &learner, examples](std::int64_t steps) {
    learner.with_evaluated_weights(
        [&] { image::write(warp_picture(run, steps), draw_warps(network, set, examples)); });
    write_gallery(run);
  };
  make_folders(picture_folder(run));
  // Of the new weights, also where a run was killed before it could be made.
  if (!path_exists(warp_picture(run, 0))) draw(0);
  return [draw](std::int64_t steps, bool is_last) {
    if (is_pictured(steps) || is_last) draw(steps);
  };
}

train::RunEvaluation DigitSystem::describe(const fs::path& run, const train::LearningConfig& config,
                                           const train::Task& task,
                                           const train::Evaluator& evaluator,
                                           torch::nn::Module& network) const {
  const auto classes = dynamic_cast<const train::ClassificationEvaluator&>(evaluator).report();
  const auto& data = own(config).data;
  char text[200];
  std::snprintf(text, sizeof text, "%s digits (%s), %lld of the test set: error %.2f %%, loss %.4f",
                data.kind.c_str(), data.source.c_str(), static_cast<long long>(classes.examples),
                100 * classes.error, classes.loss);
  image::Image mistakes;
  if (!classes.worst.empty())
    mistakes = draw_mistakes(task.test_set(), classes.worst, classes.classes);
  const auto write_pictures = [run, mistakes] {
    const auto frames = warp_pictures(run);
    if (!frames.empty()) write_video(picture_folder(run) / "warps.avi", frames);
    if (!mistakes.pixels.empty()) {
      make_folders(picture_folder(run));
      image::write(mistakes_picture(run), mistakes);
    } else {
      fs::remove(mistakes_picture(run));
    }
    write_gallery(run);
  };
  return {.summary = text,
          .details = json_of(own(config), classes, parameter_total(network)),
          .write_pictures = write_pictures};
}

train::ExportPlan DigitSystem::export_plan(const train::LearningConfig& config,
                                           torch::nn::Module& network) const {
  const auto [shape, names] = look_of(own(config).data.kind);
  std::string classes;
  for (const auto& name : names) classes += (classes.empty() ? "" : ",") + name;
  auto& digits = dynamic_cast<DigitNetworkImpl&>(network);
  return {.forward =
              [&digits](const std::vector<torch::Tensor>& inputs) {
                return std::vector<torch::Tensor>{digits.forward(inputs.at(0))};
              },
          .options = {
              .name = "digits",
              .inputs = {{"images",
                          {-1, shape.channels, shape.side, shape.side},
                          concat("[B,", shape.channels, ",", shape.side, ",", shape.side,
                                 "] f32 in [0,1]")}},
              .outputs = {{.name = "logits", .note = concat("[B,", shape.classes, "] f32 (raw)")}},
              .metadata = {{"classes", classes}}}};
}

std::vector<Reading> read_digits(const std::filesystem::path& run,
                                 const std::vector<std::filesystem::path>& images,
                                 const std::function<void(std::int64_t)>& on_progress) {
  const torch::NoGradGuard no_grad;
  const DigitSystem system;
  const auto read = train::read_run(system, run);
  const auto& config = dynamic_cast<const WarpConfig&>(*read);
  const auto [shape, names] = look_of(config.data.kind);
  const auto channels = static_cast<std::size_t>(shape.channels);
  const int side = static_cast<int>(shape.side);
  if (images.size() % channels != 0) {
    throw UsageError(concat("this network reads images in groups of ", channels, ", got ",
                            images.size(), " images"));
  }
  const auto loaded = train::load_run(system, run);
  auto& network = dynamic_cast<DigitNetworkImpl&>(*loaded);
  const auto background = image::background_of(config.data.background);
  std::vector<Reading> readings;
  for (std::size_t first = 0; first < images.size(); first += channels) {
    Reading reading{.classes = names};
    auto input = torch::empty({1, shape.channels, side, side});
    for (std::size_t c = 0; c < channels; ++c) {
      const auto& path = images[first + c];
      reading.name += (c == 0 ? "" : " + ") + path.string();
      try {
        const auto grey = image::to_float(
            image::resize(image::to_grey(image::read(path, background)), side, side));
        reading.is_inverted |= has_light_ground(grey);
        std::copy(grey.pixels.begin(), grey.pixels.end(),
                  input[0][static_cast<std::int64_t>(c)].data_ptr<float>());
      } catch (const Error& error) {
        if (reading.error.empty()) reading.error = error.what();
      }
    }
    if (reading.error.empty()) {
      const auto shares = torch::softmax(network.forward(input)[0], 0).to(torch::kFloat64);
      reading.probabilities.assign(shares.data_ptr<double>(),
                                   shares.data_ptr<double>() + shares.numel());
      reading.best = static_cast<std::size_t>(shares.argmax().item<std::int64_t>());
    }
    readings.push_back(std::move(reading));
    if (on_progress) on_progress(static_cast<std::int64_t>(first + channels));
  }
  return readings;
}

}  // namespace clew::warp
