// SPDX-License-Identifier: Apache-2.0
// Trains a classifier on a picture folder, FOLDER/CLASS/picture.png or with train, val and test,
// and exports it to classes.onnx.
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <iostream>

#include "clew/core/error.h"
#include "clew/data/folders.h"
#include "clew/nn/export/export.h"
#include "clew/train/classification.h"
#include "clew/train/supervised.h"

using namespace clew;

constexpr int kSide = 32;  // pixels

class Pictures : public train::Task {
 public:
  explicit Pictures(const std::string& folder)
      : train_(folder, data::Split::kTrain, kOptions),
        validation_(folder, data::Split::kValidation, kOptions),
        test_(folder, data::Split::kTest, kOptions) {}

  std::shared_ptr<torch::nn::Module> make_network() const override {
    using namespace torch::nn;
    const auto conv = [](int from, int to) {
      return Conv2d(Conv2dOptions(from, to, 3).stride(2).padding(1));
    };
    const auto classes = static_cast<std::int64_t>(train_.class_names().size());
    return Sequential(conv(3, 16), ReLU(), conv(16, 32), ReLU(), conv(32, 64), ReLU(), Flatten(),
                      Linear(64 * (kSide / 8) * (kSide / 8), classes))
        .ptr();
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& /*key*/) const override {
    data::Batch outputs;
    outputs.set("logits",
                dynamic_cast<torch::nn::SequentialImpl&>(network).forward(batch["image"]));
    return outputs;
  }
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& /*key*/) const override {
    return train::classification_loss(outputs["logits"], batch["label"]);
  }
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<train::ClassificationEvaluator>(train_.class_names());
  }
  std::string monitor() const override { return "error"; }
  const data::Dataset& train_set() const override { return train_; }
  const data::Dataset& validation_set() const override { return validation_; }
  const data::Dataset& test_set() const override { return test_; }

 private:
  static inline const data::FolderOptions kOptions = {.width = kSide, .height = kSide};
  data::ImageFolder train_, validation_, test_;
};

int main(int argc, char** argv) {
  try {
    const Pictures task(argc > 1 ? argv[1] : "pictures");
    train::SupervisedOptions options;
    options.steps = 100;
    options.batch = 16;
    options.eval_steps = 20;
    train::Supervised learner(task, options, Key{1});
    while (!learner.is_finished()) {
      learner.update();
      if (!learner.is_best()) continue;
      for (const auto& metric : learner.take_metrics())
        if (metric.value) std::cout << metric.name << ' ' << *metric.value << "  ";
      std::cout << '\n';
    }
    auto& network = dynamic_cast<torch::nn::SequentialImpl&>(learner.network());
    torch::nn::Module* const networks[] = {&network};
    for (const auto& measure : train::evaluate(task, networks, task.test_set(), {})->result())
      std::cout << "test " << measure.name << ": " << measure.value << '\n';
    nn::export_network(
        network,
        [&network](const std::vector<torch::Tensor>& inputs) {
          return std::vector<torch::Tensor>{network.forward(inputs.at(0))};
        },
        "classes.onnx",
        {.inputs = {{.name = "image", .shape = {-1, 3, kSide, kSide}, .note = "RGB in [0,1]"}},
         .outputs = {{.name = "logits", .note = "[B,classes]"}}});
    std::cout << "classes.onnx\n";
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
