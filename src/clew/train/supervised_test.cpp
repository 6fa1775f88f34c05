// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "clew/core/error.h"
#include "clew/ops/precision.h"
#include "clew/train/processes_as_threads.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace supervised_test {

/// Points in the plane; the class says whether x y > 0. Noise comes from the key.
class Quadrants : public data::Dataset {
 public:
  explicit Quadrants(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  data::Example get(std::int64_t index, const Key& key) const override {
    Stream place(split(Key{7}, static_cast<std::uint64_t>(index))), noise(key);
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
  Loss loss(torch::nn::Module& network, const data::Batch& batch, const Key& key) const override {
    auto inputs = batch["image"];
    if (has_mask) {
      Stream stream(key);
      auto mask = torch::empty(inputs.sizes());
      for (std::int64_t i = 0; i < mask.numel(); ++i)
        mask.data_ptr<float>()[i] = stream.uniform() < 0.8F ? 1.25F : 0;
      inputs = inputs * mask;
    }
    const auto logits = dynamic_cast<NetworkImpl&>(network).forward(inputs);
    const auto value = torch::nn::functional::cross_entropy(logits, batch["label"]) * factor;
    const auto wrong = logits.argmax(1).ne(batch["label"]).to(torch::kFloat32).mean();
    return {value, {{"loss", value.item<double>()}, {"error", wrong.item<double>()}}};
  }
  const data::Dataset& train_set() const override { return train; }
  const data::Dataset& test_set() const override { return test; }
  std::vector<ParameterGroup> groups(const torch::nn::Module&) const override { return parts; }

  Quadrants train{200}, test{75};
  std::vector<ParameterGroup> parts;
  double factor = 1;
  bool has_norm = true;
  bool has_mask = false;  // on the inputs, as dropout is
};

SupervisedOptions options() {
  SupervisedOptions made;
  made.steps = 60;
  made.batch = 16;
  made.lr = 0.02;
  made.eval_steps = 20;
  made.log_steps = 10;
  made.ema = 0.9;
  return made;
}

double metric(const std::vector<Metric>& metrics, const std::string& name) {
  for (const auto& one : metrics)
    if (one.name == name) return one.value.value_or(std::nan(""));
  ADD_FAILURE() << "no metric " << name;
  return std::nan("");
}

TEST(Supervised, LearnsAndMeasures) {
  const QuadrantTask task;
  Supervised learner(task, options(), Key{1});
  const double before = metric(learner.evaluate(), "error");
  int best = 0;
  while (!learner.is_finished()) {
    learner.update();
    best += learner.is_best();
  }
  EXPECT_EQ(learner.steps(), 60);
  EXPECT_GE(best, 1);
  const auto metrics = learner.take_metrics();
  EXPECT_LT(metric(metrics, "test_error"), 0.5 * before);
  EXPECT_LT(metric(metrics, "test_error"), 0.15);
  EXPECT_EQ(metric(metrics, "test_error"), metric(learner.evaluate(), "error"));
  EXPECT_DOUBLE_EQ(metric(metrics, "epoch"), 5);  // 60 batches, 12 an epoch
  EXPECT_TRUE(std::isnan(metric(learner.take_metrics(), "test_error")));
}

TEST(Supervised, TellsHowFarAnEvaluationIs) {
  const QuadrantTask task;
  Supervised learner(task, options(), Key{1});
  std::vector<double> shares;
  learner.watch_evaluations([&](double share) { shares.push_back(share); });
  for (int i = 0; i < 19; ++i) learner.update();
  EXPECT_EQ(shares, std::vector<double>());
  learner.update();
  EXPECT_EQ(shares, (std::vector<double>{0.2, 0.4, 0.6, 0.8, 1}));  // 75 in batches of 16
}

TEST(Supervised, TheWeightsThatAreEvaluatedCanBeLookedAt) {
  const QuadrantTask task;
  Supervised learner(task, options(), Key{1});
  for (int i = 0; i < 10; ++i) learner.update();
  const auto weights = [&] {
    return learner.network().named_parameters()["first.weight"].detach().clone();
  };
  const auto now = weights();
  torch::Tensor seen;
  learner.with_evaluated_weights([&] { seen = weights(); });
  EXPECT_TRUE(torch::equal(weights(), now));
  NetworkImpl loaded;
  load_network(loaded, learner.checkpoint(), "test");
  EXPECT_TRUE(torch::equal(seen, loaded.named_parameters()["first.weight"]));
  EXPECT_FALSE(torch::equal(seen, now));
}

TEST(Supervised, SameBytesForAnyNumberOfLoaders) {
  const QuadrantTask task;
  std::vector<std::byte> first;
  for (const int loaders : {1, 0, 3}) {
    auto with = options();
    with.loaders = loaders;
    Supervised learner(task, with, Key{1});
    while (!learner.is_finished()) learner.update();
    if (first.empty()) first = learner.checkpoint();
    EXPECT_EQ(learner.checkpoint(), first) << loaders;
  }
  Supervised other(task, options(), Key{2});
  while (!other.is_finished()) other.update();
  EXPECT_NE(other.checkpoint(), first);
}

TEST(Supervised, ResumedEqualsNeverStopped) {
  const QuadrantTask task;
  for (const char* optimizer : {"sgd", "rmsprop", "adam", "adamw"}) {
    auto with = options();
    with.optimizer = optimizer;
    with.weight_decay = 0.01;
    Supervised whole(task, with, Key{1});
    for (int i = 0; i < 60; ++i) whole.update();
    std::vector<std::byte> bytes;
    for (const int part : {7, 14, 30, 9}) {  // the second ends right after an evaluation
      Supervised piece(task, with, Key{1});
      if (!bytes.empty()) piece.restore(bytes, "checkpoint");
      for (int i = 0; i < part; ++i) piece.update();
      bytes = piece.checkpoint();
      EXPECT_EQ(piece.checkpoint({{"config", "x"}}).size() > bytes.size(), true);
    }
    EXPECT_EQ(bytes, whole.checkpoint()) << optimizer;
  }
}

TEST(Supervised, MixedPrecisionLearnsF32WeightsAndMeasuresThemInF32) {
  const QuadrantTask task;
  auto with = options();
  with.precision = "bf16";
  Supervised learner(task, with, Key{1}), exact(task, options(), Key{1});
  for (int i = 0; i < 30; ++i) learner.update();
  const auto half_way = learner.checkpoint();
  for (int i = 0; i < 30; ++i) learner.update();
  while (!exact.is_finished()) exact.update();
  EXPECT_EQ(ops::has_bf16(), learner.checkpoint() != exact.checkpoint());
  const auto error = metric(learner.evaluate(), "error");
  EXPECT_LT(error, 0.15);

  Supervised resumed(task, with, Key{1});
  resumed.restore(half_way, "checkpoint");
  while (!resumed.is_finished()) resumed.update();
  EXPECT_EQ(resumed.checkpoint(), learner.checkpoint());

  // The same weights in a training that knows nothing of bf16 measure the same.
  Supervised reader(task, options(), Key{1});
  reader.restore(learner.checkpoint(), "checkpoint");
  EXPECT_EQ(metric(reader.evaluate(), "error"), error);
  EXPECT_EQ(metric(reader.evaluate(), "loss"), metric(learner.evaluate(), "loss"));
}

TEST(Supervised, SlicesGiveTheGradientOfTheBatch) {
  QuadrantTask task;
  task.has_norm = false;  // it would see a slice instead of the batch
  const auto weights = [&](int workers) {
    auto with = options();
    with.workers = workers;
    with.optimizer = "sgd";
    with.momentum = with.ema = 0;
    Supervised learner(task, with, Key{3});
    learner.update();
    NetworkImpl network(false);
    load_network(network, learner.checkpoint(), "checkpoint");
    EXPECT_FALSE(network.is_training());
    return torch::cat({network.first->weight.detach().flatten(), network.last->bias.detach()});
  };
  const auto one = weights(1);
  for (const int workers : {2, 3, 16})
    EXPECT_LT((one - weights(workers)).abs().max().item<double>(), 1e-7) << workers;  // roundings
}

TEST(Supervised, GroupsLearnAtTheirOwnRate) {
  QuadrantTask task;
  task.parts = {{.prefix = "first.", .lr_factor = 0},
                {.prefix = "norm", .lr_factor = 0.5},
                {.prefix = "norm.bias", .lr_factor = 0}};
  auto with = options();
  with.ema = 0;
  Supervised learner(task, with, Key{1});
  NetworkImpl before, after;
  load_network(before, learner.checkpoint(), "checkpoint");
  for (int i = 0; i < 5; ++i) learner.update();
  load_network(after, learner.checkpoint(), "checkpoint");
  EXPECT_TRUE(before.first->weight.equal(after.first->weight));
  EXPECT_TRUE(before.norm->bias.equal(after.norm->bias));
  EXPECT_FALSE(before.norm->weight.equal(after.norm->weight));
  EXPECT_FALSE(before.norm->running_mean.equal(after.norm->running_mean));
  EXPECT_FALSE(before.last->weight.equal(after.last->weight));
}

TEST(Supervised, StopsEarly) {
  QuadrantTask task;
  task.factor = 0;  // a loss that never improves
  auto with = options();
  with.patience = 2;
  with.eval_steps = 5;
  with.steps = 1000;
  Supervised learner(task, with, Key{1});
  while (!learner.is_finished()) learner.update();
  EXPECT_EQ(learner.steps(), 15);  // the first is the best, the next two are not better
  EXPECT_EQ(learner.early_end(), "no better evaluation within train.patience = 2");
  Supervised whole(task, options(), Key{1});
  while (!whole.is_finished()) whole.update();
  EXPECT_EQ(whole.early_end(), "");
}

TEST(Supervised, ALossThatIsNotANumberKeepsTheWeights) {
  QuadrantTask task;
  Supervised learner(task, options(), Key{1});
  learner.update();
  const auto before = learner.checkpoint();
  task.factor = std::nan("");
  expect_error([&] { learner.update(); }, "training stopped at step 1: the loss is nan");
  NetworkImpl kept, spoilt;
  load_network(kept, before, "checkpoint");
  load_network(spoilt, learner.checkpoint(), "checkpoint");
  EXPECT_TRUE(kept.last->weight.equal(spoilt.last->weight));
}

TEST(Supervised, WeightsThatAreNotNumbersStopIt) {
  QuadrantTask task;
  auto with = options();
  with.eps = 1e-300;  // 0 as f32
  task.factor = 0;    // so is every gradient
  Supervised learner(task, with, Key{1});
  expect_error([&] { learner.update(); }, "training stopped at step 0: the weights' norm is nan");
  expect_error<UsageError>([&] { load(with, parse_toml("eps = 0", "recipe.toml")); },
                           "recipe.toml:1: eps must be more than 0 and at most 10, got 0");
}

TEST(Supervised, ResolvedPrecisionIsOneThatThisMachineHas) {
  auto with = options();
  with.precision = "bf16";
  EXPECT_EQ(with.resolved().precision, ops::has_bf16() ? "bf16" : "fp32");
  with.precision = "auto";
  EXPECT_EQ(with.resolved().precision, ops::resolve_precision("auto", ops::Products::kLibTorch));
  with.precision = "fp32";
  EXPECT_EQ(with.resolved().precision, "fp32");
  EXPECT_TRUE(diff(with, with.resolved()).empty());
}

/// Trains in `processes` threads that stand for processes and gives each one's checkpoint.
std::vector<std::vector<std::byte>> train_in(int processes, const QuadrantTask& task,
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

TEST(Supervised, ProcessesLearnWhatAsManyWorkersLearn) {
  QuadrantTask task;
  for (const bool has_norm : {false, true}) {
    task.has_norm = has_norm;
    for (const int batch : {16, 4}) {        // of 75 examples the last 3 are fewer than four slices
      if (has_norm && batch == 4) continue;  // no norm of one example
      auto with = options();
      with.batch = batch;
      with.workers = 4;
      const auto one = train_in(1, task, with, 40)[0];
      with.workers = 2;
      EXPECT_EQ(train_in(2, task, with, 40)[0], one);
      with.workers = 1;
      const auto four = train_in(4, task, with, 40);
      EXPECT_EQ(four[0], one);
      EXPECT_EQ(four[3], one);  // with its running means, shared for the evaluation of step 40
    }
  }
}

TEST(Supervised, GoesOnInMoreOrFewerProcesses) {
  const QuadrantTask task;
  auto two_workers = options(), one_worker = options();
  two_workers.workers = 2;
  one_worker.workers = 1;
  const auto whole = train_in(1, task, two_workers, 60)[0];
  auto part = train_in(1, task, two_workers, 25)[0];  // right before and after it is evaluated
  part = train_in(2, task, one_worker, 15, part)[0];
  part = train_in(1, task, two_workers, 20, part)[0];
  EXPECT_EQ(part, whole);
}

TEST(Supervised, WhatALossDrawsIsTheSameInMoreProcessesAndAfterAResume) {
  QuadrantTask task;
  const auto plain = train_in(1, task, options(), 40)[0];
  task.has_mask = true;
  auto two_workers = options(), one_worker = options();
  two_workers.workers = 2;
  one_worker.workers = 1;
  const auto whole = train_in(1, task, two_workers, 40)[0];
  EXPECT_NE(whole, plain);
  EXPECT_EQ(train_in(2, task, one_worker, 40)[1], whole);
  auto part = train_in(1, task, two_workers, 25)[0];
  part = train_in(2, task, one_worker, 5, part)[0];
  EXPECT_EQ(train_in(1, task, two_workers, 10, part)[0], whole);
}

TEST(Supervised, EachSliceOfEachStepHasAKeyOfItsOwn) {
  struct Noting : QuadrantTask {
    Loss loss(torch::nn::Module& network, const data::Batch& batch, const Key& key) const override {
      const std::lock_guard lock(noting);
      keys.push_back(key.value);
      return QuadrantTask::loss(network, batch, key);
    }
    mutable std::mutex noting;
    mutable std::vector<std::uint64_t> keys;
  };
  const Noting task;
  auto with = options();
  with.workers = 2;
  Supervised learner(task, with, Key{1});
  for (int i = 0; i < 3; ++i) learner.update();
  learner.evaluate();
  auto& keys = task.keys;
  EXPECT_EQ(keys.size(), 6U + 10U);  // 75 examples to look at, 16 at once
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::unique(keys.begin(), keys.end()), keys.end());
}

TEST(Supervised, ALossThatIsNotANumberStopsAllProcesses) {
  QuadrantTask task, spoilt;
  spoilt.factor = std::nan("");
  std::mutex making;
  const auto errors = run_as_threads(2, [&](Processes& group) {
    std::unique_lock lock(making);
    Supervised learner(group.is_first() ? task : spoilt, options(), Key{1}, &group);
    lock.unlock();
    learner.update();
  });
  EXPECT_EQ(errors,
            (std::vector<std::string>{"training stopped at step 0: process 1: the loss is nan",
                                      "training stopped at step 0: the loss is nan"}));
}

TEST(Supervised, SaysWhatIsWrong) {
  const QuadrantTask task;
  auto with = options();
  with.workers = 17;
  expect_error([&] { Supervised(task, with, Key{1}); },
               "train.batch must be at least train.workers (17), got 16");
  with.workers = 9;
  EXPECT_THROW(check_training(task, with, 2), UsageError);
  expect_error([&] { check_training(task, with, 2); },
               "train.batch must be at least train.workers (9 in each of 2 processes), got 16");
  with.workers = 1;
  with.batch = 201;
  expect_error([&] { Supervised(task, with, Key{1}); },
               "train.batch must be at most the number of examples (200), got 201");
  with = options();
  with.schedule = "step";
  with.lr = 0.001;
  with.lr_end = 0.1;
  expect_error<UsageError>(
      [&] { check_training(task, with); },
      "train.lr_end, below which train.schedule = step does not go, must be at "
      "most train.lr (0.001), got 0.1");
  Supervised learner(task, options(), Key{1});
  EXPECT_THROW(learner.restore({}, "empty"), Error);
  auto bytes = learner.checkpoint();
  bytes.resize(bytes.size() / 2);
  EXPECT_THROW(learner.restore(bytes, "half"), Error);
}

}  // namespace supervised_test
}  // namespace clew::train
