// SPDX-License-Identifier: Apache-2.0
// A small task for the tests of learning from examples.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "clew/train/classification.h"
#include "clew/train/processes_as_threads.h"
#include "clew/train/supervised.h"

namespace clew::train::supervised_test {

/// Points in the plane; the class says whether x y > 0. Noise comes from the key.
class Quadrants : public data::Dataset {
 public:
  explicit Quadrants(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  data::Example get(std::int64_t index, const Key& key) const override {
    Stream place(fold_in(Key{7}, static_cast<std::uint64_t>(index))), noise(key);
    const float x = place.uniform() * 2 - 1, y = place.uniform() * 2 - 1;
    return {{"image", torch::tensor({x + 0.01F * noise.uniform(), y + 0.01F * noise.uniform()})},
            {"label", torch::tensor(std::int64_t{x * y > 0})}};
  }
  data::Columns columns() const override { return data::image_and_label({2}); }

 private:
  std::int64_t size_;
};

struct NetworkImpl : torch::nn::Module {
  explicit NetworkImpl(bool is_normalised = true)
      : has_norm(is_normalised),
        first(register_module("first", torch::nn::Linear(2, 16))),
        norm(register_module("norm", torch::nn::BatchNorm1d(16))),
        last(register_module("last", torch::nn::Linear(16, 2))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    const auto y = first(x);
    return last(torch::relu(has_norm ? norm(y) : y));
  }
  bool has_norm;
  torch::nn::Linear first;
  torch::nn::BatchNorm1d norm;
  torch::nn::Linear last;
};

class QuadrantTask : public Task {
 public:
  std::shared_ptr<torch::nn::Module> make_network() const override {
    return std::make_shared<NetworkImpl>(has_norm);
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override {
    auto inputs = batch["image"];
    if (has_mask) {
      Stream stream(key);
      auto mask = torch::empty(inputs.sizes());
      for (std::int64_t i = 0; i < mask.numel(); ++i)
        mask.data_ptr<float>()[i] = stream.uniform() < 0.8F ? 1.25F : 0;
      inputs = inputs * mask;
    }
    data::Batch outputs;
    outputs.set("logits", dynamic_cast<NetworkImpl&>(network).forward(inputs));
    return outputs;
  }
  Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key&) const override {
    const auto& logits = outputs["logits"];
    const auto value = torch::nn::functional::cross_entropy(logits, batch["label"]) * factor;
    const auto wrong = logits.argmax(1).ne(batch["label"]).to(torch::kFloat32).mean();
    return {.value = value,
            .metrics = {{"loss", value.item<double>()}, {"error", wrong.item<double>()}}};
  }
  std::unique_ptr<Evaluator> make_evaluator() const override {
    return std::make_unique<ClassificationEvaluator>(std::vector<std::string>{"no", "yes"});
  }
  const data::Dataset& train_set() const override { return train; }
  const data::Dataset& validation_set() const override { return validation; }
  const data::Dataset& test_set() const override {
    ADD_FAILURE() << "training reads the test set";
    return validation;
  }
  std::string monitor() const override { return monitored; }
  std::vector<ParameterRule> rules(const torch::nn::Module&) const override { return parts; }

  Quadrants train{200}, validation{75};
  std::vector<ParameterRule> parts;
  double factor = 1;
  bool has_norm = true;
  bool has_mask = false;  // on the inputs, as dropout is
  std::string monitored = "loss";
};

inline SupervisedOptions options() {
  SupervisedOptions made;
  made.steps = 60;
  made.batch = 16;
  made.lr = 0.02;
  made.eval_steps = 20;
  made.log_steps = 10;
  made.ema = 0.9;
  return made;
}

inline double metric(const std::vector<runs::Metric>& metrics, const std::string& name) {
  for (const auto& one : metrics)
    if (one.name == name) return one.value.value_or(std::nan(""));
  ADD_FAILURE() << "no metric " << name;
  return std::nan("");
}
inline double metric(const std::vector<runs::Measure>& measures, const std::string& name) {
  for (const auto& one : measures)
    if (one.name == name) return one.value;
  ADD_FAILURE() << "no metric " << name;
  return std::nan("");
}

inline ParameterRule frozen(const std::string& module) {
  return {.what = "freeze " + module, .matches = names_under(module), .is_frozen = true};
}

/// Trains in `processes` threads that stand for processes and gives each one's checkpoint.
inline std::vector<std::vector<std::byte>> train_in(int processes, const QuadrantTask& task,
                                                    const SupervisedOptions& with, int steps,
                                                    const std::vector<std::byte>& from = {}) {
  std::vector<std::vector<std::byte>> checkpoints(static_cast<std::size_t>(processes));
  std::mutex making;  // new weights come from a generator that threads share and processes do not
  const auto errors = run_as_threads(processes, [&](Processes& group) {
    std::unique_lock lock(making);
    Supervised learner(task, with, Key{1}, &group);
    lock.unlock();
    if (!from.empty()) learner.restore(from, "checkpoint");
    for (int i = 0; i < steps; ++i) learner.update();
    checkpoints[static_cast<std::size_t>(group.rank())] = learner.checkpoint();
  });
  EXPECT_EQ(errors, std::vector<std::string>(static_cast<std::size_t>(processes)));
  return checkpoints;
}

/// Options of plain gradient descent, whose weights show a gradient.
inline SupervisedOptions plain_descent() {
  auto made = options();
  made.optimizer = OptimizerKind::kSgd;
  made.momentum = made.ema = 0;
  return made;
}
/// first.weight after `steps` steps in so many workers.
inline torch::Tensor first_weight(const Task& task, SupervisedOptions with, int workers,
                                  int steps) {
  with.workers = workers;
  Supervised learner(task, with, Key{3});
  for (int i = 0; i < steps; ++i) learner.update();
  return learner.network().named_parameters()["first.weight"].detach().clone();
}

}  // namespace clew::train::supervised_test
