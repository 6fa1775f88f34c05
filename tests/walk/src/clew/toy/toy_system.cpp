// SPDX-License-Identifier: Apache-2.0
#include "clew/toy/toy_system.h"

#include <torch/torch.h>

#include "clew/image/transform.h"
#include "clew/train/classification.h"

namespace clew::toy {
namespace {

constexpr std::int64_t kSide = 8;

struct ToyConfig : train::LearningConfig {
  std::string system = "toy";
  double contrast = 0.3;
  void fields(Fields& v) override {
    v("system", system, {.choices = {"toy"}, .help = "the system this recipe is for"});
    v("seed", seed, {.help = "of everything random in the run"});
    v("contrast", contrast, {.min = 0, .max = 1, .help = "of the two halves"});
    v.group("start", start);
    v.group("train", train);
  }
};

/// Noise, one half lighter by the contrast: image [1,8,8] f32, label 0 (left) or 1 (right).
struct Halves : data::Dataset {
  Halves(Key key, double contrast) : key_(key), contrast_(contrast) {}
  std::int64_t size() const override { return 256; }
  data::Example get(std::int64_t index, const Key&) const override {
    Stream stream(fold_in(key_, static_cast<std::uint64_t>(index)));
    const std::int64_t label = stream.below(2);
    auto image = torch::empty({1, kSide, kSide});
    for (std::int64_t i = 0; i < kSide * kSide; ++i) {
      const bool is_light = (i % kSide < kSide / 2) == (label == 0);
      image.view(-1)[i] = 0.7 * stream.uniform() + (is_light ? contrast_ : 0);
    }
    return {{"image", image}, {"label", torch::tensor(label)}};
  }
  data::Columns columns() const override { return data::image_and_label({1, kSide, kSide}); }
  std::vector<std::string> class_names() const override { return {"left", "right"}; }
  Key key_;
  double contrast_;
};

std::shared_ptr<torch::nn::Module> make_toy() {
  return torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(kSide * kSide, 2)).ptr();
}
torch::Tensor logits(torch::nn::Module& network, const torch::Tensor& images) {
  return network.as<torch::nn::SequentialImpl>()->forward(images);
}

struct ToyTask : train::Task {
  explicit ToyTask(const ToyConfig& config)
      : train_(fold_in(Key{config.seed}, 1), config.contrast),
        validation_(fold_in(Key{config.seed}, 2), config.contrast),
        test_(fold_in(Key{config.seed}, 3), config.contrast) {}
  std::shared_ptr<torch::nn::Module> make_network() const override { return make_toy(); }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key&) const override {
    data::Batch outputs;
    outputs.set("logits", logits(network, batch["image"]));
    return outputs;
  }
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key&) const override {
    return train::classification_loss(outputs["logits"], batch["label"]);
  }
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<train::ClassificationEvaluator>(test_.class_names());
  }
  const data::Dataset& train_set() const override { return train_; }
  const data::Dataset& validation_set() const override { return validation_; }
  const data::Dataset& test_set() const override { return test_; }

  Halves train_, validation_, test_;
};

struct ToyPredictor : train::Predictor {
  explicit ToyPredictor(std::shared_ptr<torch::nn::Module> own) : network(std::move(own)) {}
  train::Prediction predict(std::span<const image::Image> pictures) override {
    auto grey = image::to_float(image::resize(image::to_grey(pictures[0]), kSide, kSide));
    const auto input = torch::from_blob(grey.pixels.data(), {1, 1, kSide, kSide});
    const auto* name = logits(*network, input).argmax().item<int>() == 1 ? "right" : "left";
    return {.text = name, .json = concat("{\"class\": \"", name, "\"}")};
  }
  std::shared_ptr<torch::nn::Module> network;
};

struct ToySystem : train::LearningSystem {
  std::string name() const override { return "toy"; }
  std::unique_ptr<train::LearningConfig> make_config() const override {
    return std::make_unique<ToyConfig>();
  }
  std::shared_ptr<torch::nn::Module> make_network(const train::LearningConfig&) const override {
    return make_toy();
  }
  std::unique_ptr<train::Task> make_task(const train::LearningConfig& config) const override {
    return std::make_unique<ToyTask>(dynamic_cast<const ToyConfig&>(config));
  }
  std::vector<nn::ExportFormat> export_formats() const override {
    return {nn::ExportFormat::kOnnx};
  }
  train::ExportPlan export_plan(const train::LearningConfig&, torch::nn::Module& network,
                                nn::ExportFormat) const override {
    return {
        .forward = [&](const auto& inputs) { return std::vector{logits(network, inputs.at(0))}; },
        .options = {.inputs = {{"images", {-1, 1, kSide, kSide}}}, .outputs = {{"logits"}}}};
  }
  bool can_predict() const override { return true; }
  std::unique_ptr<train::Predictor> make_predictor(std::shared_ptr<torch::nn::Module> network,
                                                   const train::LearningConfig&,
                                                   const train::PredictOptions&) const override {
    return std::make_unique<ToyPredictor>(std::move(network));
  }
};

}  // namespace

std::shared_ptr<const train::LearningSystem> toy_system() {
  return std::make_shared<const ToySystem>();
}

}  // namespace clew::toy
