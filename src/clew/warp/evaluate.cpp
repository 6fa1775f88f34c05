// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/evaluate.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"
#include "clew/image/video.h"
#include "clew/warp/gallery.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

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

}  // namespace

Evaluation evaluate(const std::filesystem::path& run,
                    const std::function<void(double)>& on_progress) {
  const auto config = read_run(run);
  const DigitTask task(config);
  const auto checkpoint = train::best_checkpoint(run);
  auto network = load_checkpoint(checkpoint, config, task.shape());
  Evaluation evaluation{.kind = config.data.kind,
                        .source = config.data.source,
                        .parameters = parameter_total(*network),
                        .age = train::weights_age(run, checkpoint)};
  evaluation.classes =
      train::classify_all([&](const torch::Tensor& images) { return network->forward(images); },
                          task.test_set(), {.on_progress = on_progress});
  return evaluation;
}

std::vector<Reading> read_digits(const std::filesystem::path& run,
                                 const std::vector<std::filesystem::path>& images,
                                 const std::function<void(std::int64_t)>& on_progress) {
  const torch::NoGradGuard no_grad;
  const auto config = read_run(run);
  const auto [shape, names] = look_of(config.data.kind);
  const auto channels = static_cast<std::size_t>(shape.channels);
  const int side = static_cast<int>(shape.side);
  if (images.size() % channels != 0) {
    throw UsageError(concat("this network reads images in groups of ", channels, ", got ",
                            images.size(), " images"));
  }
  auto network = load_best(run, config, shape);
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
      const auto shares = torch::softmax(network->forward(input)[0], 0).to(torch::kFloat64);
      reading.probabilities.assign(shares.data_ptr<double>(),
                                   shares.data_ptr<double>() + shares.numel());
      reading.best = static_cast<std::size_t>(shares.argmax().item<std::int64_t>());
    }
    readings.push_back(std::move(reading));
    if (on_progress) on_progress(static_cast<std::int64_t>(first + channels));
  }
  return readings;
}

std::string evaluation_json(const Evaluation& evaluation) {
  const auto& classes = evaluation.classes;
  auto mistakes = nlohmann::json::array();
  for (const auto& mistake : classes.worst) {
    mistakes.push_back({{"index", mistake.index},
                        {"target", mistake.target},
                        {"predicted", mistake.predicted},
                        {"confidence", mistake.confidence}});
  }
  const auto maybe = [](const auto& step) { return step ? nlohmann::json(*step) : nullptr; };
  const nlohmann::json root = {{"system", "warp"},
                               {"step", maybe(evaluation.age.step)},
                               {"run_step", maybe(evaluation.age.run_step)},
                               {"kind", evaluation.kind},
                               {"source", evaluation.source},
                               {"parameters", evaluation.parameters},
                               {"examples", classes.examples},
                               {"error", classes.error},
                               {"loss", classes.loss},
                               {"classes", classes.classes},
                               {"confusion", classes.confusion},
                               {"mistakes", std::move(mistakes)}};
  return root.dump(2) + "\n";
}

namespace {

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

}  // namespace

void write_evaluation(const std::filesystem::path& run, const Evaluation& evaluation) {
  write_file_atomic(run / "eval.json", evaluation_json(evaluation));
  const auto config = read_run(run);
  const DigitTask task(config);
  const auto frames = warp_pictures(run);
  if (!frames.empty()) write_video(picture_folder(run) / "warps.avi", frames);
  const auto& worst = evaluation.classes.worst;
  if (!worst.empty()) {
    make_folders(picture_folder(run));
    image::write(mistakes_picture(run),
                 draw_mistakes(task.test_set(), worst, evaluation.classes.classes));
  } else {
    std::filesystem::remove(mistakes_picture(run));
  }
  write_gallery(run);
}

}  // namespace clew::warp
