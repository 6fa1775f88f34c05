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
#include "clew/core/text.h"
#include "clew/data/image_tensor.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"
#include "clew/image/video.h"
#include "clew/runs/folder.h"
#include "clew/runs/gallery.h"
#include "clew/train/classification.h"
#include "clew/train/supervised_run.h"
#include "clew/warp/digit_task.h"
#include "clew/warp/pictures.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kPictureDigits = 18;
constexpr const char *kWarps = "warps", *kMistakes = "pictures/mistakes.png";
constexpr double kFramesPerSecond = 8;

/// Writes frames as a video, with even sides for encoders.
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

/// True if the border pixels of a grey picture are light on average.
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

std::string json_of(const WarpConfig& config, const train::ClassificationReport& classes) {
  auto mistakes = nlohmann::json::array();
  for (const auto& mistake : classes.worst) {
    mistakes.push_back({{"index", mistake.index},
                        {"target", mistake.target},
                        {"predicted", mistake.predicted},
                        {"confidence", mistake.confidence}});
  }
  const nlohmann::json root = {{"kind", name_of(config.data.kind)},
                               {"source", name_of(config.data.source)},
                               {"examples", classes.examples},
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

std::string DigitSystem::progress_text(const runs::MetricsLine& line) const {
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

std::function<void(std::int64_t, bool)> DigitSystem::make_drawer(
    const fs::path& run, const train::Task& task,
    const std::function<train::Supervised&()>& learner) const {
  if (dynamic_cast<DigitNetworkImpl&>(learner().network()).transformers().empty()) return {};
  const auto& set = task.validation_set();
  std::vector<std::int64_t> examples(
      static_cast<std::size_t>(std::min<std::int64_t>(kPictureDigits, set.size())));
  std::iota(examples.begin(), examples.end(), 0);
  const auto draw = [run, &set, learner, examples](std::int64_t steps) {
    auto& now = learner();
    now.with_evaluated_weights([&] {
      image::write(runs::step_picture(run, kWarps, steps),
                   draw_warps(dynamic_cast<DigitNetworkImpl&>(now.network()), set, examples));
    });
    const runs::Pictures gallery[] = {
        runs::pictures_of_steps(run, kWarps, "What the transformers do",
                                "Digits of the validation set with the lines of the sampling grid "
                                "drawn on them, and beside each what "
                                "its transformer gives to the classifier, over the training.")};
    runs::write_gallery(run, gallery);
  };
  make_folders(runs::picture_folder(run));
  // Picture of the initial weights, also after a kill before it was made.
  if (!path_exists(runs::step_picture(run, kWarps, 0))) draw(0);
  return [draw](std::int64_t steps, bool is_last) {
    if (runs::is_pictured(steps) || is_last) draw(steps);
  };
}

train::RunEvaluation DigitSystem::describe(const fs::path& run, const train::LearningConfig& config,
                                           const train::Task& task,
                                           const train::Evaluator& evaluator,
                                           torch::nn::Module& /*network*/) const {
  const auto classes = dynamic_cast<const train::ClassificationEvaluator&>(evaluator).report();
  const auto& data = own(config).data;
  char text[200];
  std::snprintf(text, sizeof text,
                "%s digits (%s), %lld of the test set: error %.2f %%, loss %.4f.",
                std::string(name_of(data.kind)).c_str(), std::string(name_of(data.source)).c_str(),
                static_cast<long long>(classes.examples), 100 * classes.error, classes.loss);
  image::Image mistakes;
  if (!classes.worst.empty())
    mistakes =
        train::draw_mistakes(task.test_set(), classes.worst, classes.classes, {.columns = 12},
                             [](const torch::Tensor& digit) { return digit_picture(digit, 3); });
  const auto write_pictures = [run, mistakes] {
    const auto folder = runs::picture_folder(run);
    const auto frames = runs::step_pictures(run, kWarps);
    if (!frames.empty()) write_video(folder / "warps.avi", frames);
    if (mistakes.pixels.empty()) return;
    make_folders(folder);
    image::write(run / kMistakes, mistakes);
  };
  runs::Evaluation evaluation{.summary = text, .details = json_of(own(config), classes)};
  if (!mistakes.pixels.empty()) {
    evaluation.pictures.push_back(
        {.title = "Worst mistakes",
         .caption = "The true class, the predicted one, and how sure the network was of it.",
         .files = {kMistakes},
         .labels = {"mistakes"}});
  }
  return {.evaluation = std::move(evaluation), .write_pictures = write_pictures};
}

train::ExportPlan DigitSystem::export_plan(const train::LearningConfig& config,
                                           torch::nn::Module& network,
                                           nn::ExportFormat /*format*/) const {
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

runs::RunAbout DigitSystem::about(const train::LearningConfig& config,
                                  const train::Task& task) const {
  auto about = LearningSystem::about(config, task);
  if (own(config).data.source == data::DigitsSource::kProcedural)
    about.notes.emplace_back("The digits are drawn from strokes; they are not MNIST's.");
  return about;
}

namespace {

class DigitPredictor : public train::Predictor {
 public:
  DigitPredictor(std::shared_ptr<torch::nn::Module> network, const WarpConfig& config)
      : network_(std::move(network)),
        look_(look_of(config.data.kind)),
        background_(config.data.background) {}

  std::size_t group() const override { return static_cast<std::size_t>(look_.shape.channels); }
  image::Background background() const override { return background_; }
  train::Prediction predict(std::span<const image::Image> pictures) override {
    train::Prediction prediction;
    const auto side = static_cast<int>(look_.shape.side);
    auto input = torch::empty({1, look_.shape.channels, side, side});
    for (std::size_t c = 0; c < pictures.size(); ++c) {
      const auto grey = image::to_float(image::resize(image::to_grey(pictures[c]), side, side));
      if (has_light_ground(grey))
        prediction.warning =
            "dark on light; this network has learnt light digits on a dark ground, so invert "
            "such pictures";
      input[0][static_cast<std::int64_t>(c)].copy_(data::to_tensor(grey)[0]);
    }
    auto& network = dynamic_cast<DigitNetworkImpl&>(*network_);
    const auto shares = torch::softmax(network.forward(input)[0], 0).to(torch::kFloat64);
    const std::vector<double> probabilities(shares.data_ptr<double>(),
                                            shares.data_ptr<double>() + shares.numel());
    const auto best = static_cast<std::size_t>(shares.argmax().item<std::int64_t>());
    prediction.text =
        concat(look_.class_names.at(best), "  ", fixed(100 * probabilities[best], 1), " %");
    prediction.json = nlohmann::json{
        {"class", look_.class_names.at(best)},
        {"probabilities",
         probabilities}}.dump();
    return prediction;
  }

 private:
  std::shared_ptr<torch::nn::Module> network_;
  DigitLook look_;
  image::Background background_;
};

}  // namespace

std::unique_ptr<train::Predictor> DigitSystem::make_predictor(
    std::shared_ptr<torch::nn::Module> network, const train::LearningConfig& config,
    const train::PredictOptions& /*options*/) const {
  return std::make_unique<DigitPredictor>(std::move(network), own(config));
}

}  // namespace clew::warp
