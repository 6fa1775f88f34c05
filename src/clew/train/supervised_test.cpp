// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/nn/safetensors.h"
#include "clew/ops/precision.h"
#include "tests/support/expect_error.h"
#include "tests/support/supervised_task.h"

namespace clew::train {
namespace supervised_test {

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
  EXPECT_LT(metric(metrics, "val_error"), 0.5 * before);
  EXPECT_LT(metric(metrics, "val_error"), 0.15);
  EXPECT_EQ(metric(metrics, "val_error"), metric(learner.evaluate(), "error"));
  EXPECT_DOUBLE_EQ(metric(metrics, "epoch"), 5);  // 60 batches, 12 an epoch
  EXPECT_TRUE(std::isnan(metric(learner.take_metrics(), "val_error")));
}

TEST(Supervised, TellsHowFarAnEvaluationIs) {
  const QuadrantTask task;
  Supervised learner(task, options(), Key{1});
  std::vector<double> shares;
  learner.watch_passes([&](std::string_view /*name*/, double share) { shares.push_back(share); });
  for (int i = 0; i < 19; ++i) learner.update();
  EXPECT_EQ(shares, std::vector<double>());
  learner.update();
  // 75 examples in batches of 16, of which the first worker reports its own, and the end.
  ASSERT_GE(shares.size(), 3U);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_GT(shares.front(), 0);
  EXPECT_EQ(shares.back(), 1);
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
  for (const auto& [optimizer, name] : names(OptimizerKind{})) {
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
    EXPECT_EQ(bytes, whole.checkpoint()) << name;
  }
}

TEST(Supervised, MixedPrecisionLearnsF32WeightsAndMeasuresThemInF32) {
  const QuadrantTask task;
  auto with = options();
  with.precision = ops::PrecisionChoice::kBf16;
  Supervised learner(task, with, Key{1}), exact(task, options(), Key{1});
  for (int i = 0; i < 30; ++i) learner.update();
  const auto half_way = learner.checkpoint();
  for (int i = 0; i < 30; ++i) learner.update();
  while (!exact.is_finished()) exact.update();
  EXPECT_EQ(ops::has_bf16(ops::Products::kLibTorch), learner.checkpoint() != exact.checkpoint());
  const auto error = metric(learner.evaluate(), "error");
  EXPECT_LT(error, 0.15);

  Supervised resumed(task, with, Key{1});
  resumed.restore(half_way, "checkpoint");
  while (!resumed.is_finished()) resumed.update();
  EXPECT_EQ(resumed.checkpoint(), learner.checkpoint());

  // The same weights in an fp32 training give the same measures.
  Supervised reader(task, options(), Key{1});
  reader.restore(learner.checkpoint(), "checkpoint");
  EXPECT_EQ(metric(reader.evaluate(), "error"), error);
  EXPECT_EQ(metric(reader.evaluate(), "loss"), metric(learner.evaluate(), "loss"));
}

TEST(Supervised, RulesSayWhatLearnsAndHowFast) {
  QuadrantTask task;
  task.parts = {frozen("first"),
                {.what = "half", .matches = names_under("norm"), .lr_factor = 0.5},
                frozen("norm.bias")};
  auto with = options();
  with.workers = 1;
  with.ema = 0;
  with.optimizer = OptimizerKind::kSgd;
  with.momentum = 0;
  const auto load = [](NetworkImpl& network, const Supervised& learner) {
    load_network(network, learner.checkpoint(), "checkpoint", learner.frozen());
  };
  Supervised learner(task, with, Key{1});
  NetworkImpl before, after, whole;
  load(before, learner);
  learner.update();
  load(after, learner);
  EXPECT_TRUE(before.first->weight.equal(after.first->weight));
  EXPECT_TRUE(before.norm->bias.equal(after.norm->bias));
  EXPECT_FALSE(before.norm->running_mean.equal(after.norm->running_mean));
  EXPECT_FALSE(before.last->weight.equal(after.last->weight));
  task.parts = {};
  Supervised full(task, with, Key{1});
  full.update();
  load(whole, full);
  const auto half = after.norm->weight - before.norm->weight,
             all = whole.norm->weight - before.norm->weight;
  EXPECT_LT((2 * half - all).abs().max().item<double>(), 1e-6);
  EXPECT_GT(all.abs().max().item<double>(), 1e-4);
  task.parts = {frozen("body")};
  expect_error<UsageError>([&] { Supervised(task, with, Key{1}); },
                           "freeze body matches no parameter of the network, whose first is "
                           "first.weight and whose last is last.bias");
}

TEST(Supervised, WhatIsFrozenCostsNothing) {
  QuadrantTask task;
  task.parts = {frozen("first")};
  Supervised learner(task, options(), Key{1});
  for (int i = 0; i < 3; ++i) learner.update();
  const auto bytes = learner.checkpoint(), apart = learner.frozen();
  const auto file = nn::parse_safetensors(bytes, "checkpoint");
  for (const auto& [name, tensor] : file.tensors)
    EXPECT_EQ(name.find("first"), std::string::npos) << name;  // weights, averages, moments
  EXPECT_TRUE(file.tensors.contains("network.last.weight"));
  EXPECT_EQ(nn::parse_safetensors(apart, "frozen").tensors.size(), 2U);
  for (const auto& item : learner.network().named_parameters())
    EXPECT_EQ(item.value().grad().defined(), !item.key().starts_with("first")) << item.key();
  NetworkImpl network;
  EXPECT_THROW(load_network(network, bytes, "checkpoint"), Error);
  load_network(network, bytes, "checkpoint", apart);
  // It goes on with the frozen weights of the run, not with those of its own seed.
  Supervised other(task, options(), Key{2});
  other.restore_frozen(apart, "frozen");
  other.restore(bytes, "checkpoint");
  EXPECT_EQ(other.frozen(), apart);
  EXPECT_EQ(other.checkpoint(), bytes);
}

TEST(Supervised, FrozenBatchNormsKeepTheirStatistics) {
  QuadrantTask task;
  for (const bool is_option : {false, true}) {
    auto with = options();
    if (is_option) {
      with.batch_norm = BatchNormMode::kFrozen;
      task.parts = {};
    } else {
      task.parts = {frozen("norm")};
    }
    Supervised learner(task, with, Key{1});
    for (int i = 0; i < 3; ++i) learner.update();
    const auto& norm = *dynamic_cast<NetworkImpl&>(learner.network()).norm;
    EXPECT_TRUE(norm.running_mean.eq(0).all().item<bool>());
    EXPECT_TRUE(norm.running_var.eq(1).all().item<bool>());
    EXPECT_TRUE(norm.weight.eq(1).all().item<bool>());
  }
}

TEST(Supervised, RunningStatisticsAreThoseOfAllSlices) {
  const QuadrantTask task;
  auto with = options();
  with.lr = 0;  // all see the same weights
  with.workers = 4;
  Supervised learner(task, with, Key{1});
  learner.update();
  with.workers = 1;
  Supervised whole(task, with, Key{1});
  whole.update();
  const auto mean_of = [](Supervised& which) {
    return dynamic_cast<NetworkImpl&>(which.network()).norm->running_mean.clone();
  };
  EXPECT_LT((mean_of(learner) - mean_of(whole)).abs().max().item<double>(), 1e-6);
}

TEST(Supervised, StopsEarly) {
  QuadrantTask task;
  auto with = options();
  with.lr = 0;  // nothing that improves
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
  with.precision = ops::PrecisionChoice::kBf16;
  EXPECT_EQ(with.resolved().precision, ops::has_bf16(ops::Products::kLibTorch)
                                           ? ops::PrecisionChoice::kBf16
                                           : ops::PrecisionChoice::kFp32);
  with.precision = ops::PrecisionChoice::kAuto;
  EXPECT_EQ(with.resolved().precision,
            ops::resolve_precision(ops::PrecisionChoice::kAuto, ops::Products::kLibTorch));
  with.precision = ops::PrecisionChoice::kFp32;
  EXPECT_EQ(with.resolved().precision, ops::PrecisionChoice::kFp32);
  EXPECT_TRUE(diff(with, with.resolved()).empty());
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
    data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                        const Key& key) const override {
      const std::lock_guard lock(noting);
      keys.push_back(key.value);
      return QuadrantTask::forward(network, batch, key);
    }
    Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key& key) const override {
      const std::lock_guard lock(noting);
      keys.push_back(key.value);
      return QuadrantTask::loss(outputs, batch, key);
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
  EXPECT_EQ(keys.size(), 12U + 5U);  // 75 examples to look at, 16 at once
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

TEST(Supervised, TheMonitoredMeasureChoosesTheWeights) {
  // Larger is better, as for an accuracy.
  struct Right : ClassificationEvaluator {
    using ClassificationEvaluator::ClassificationEvaluator;
    std::vector<runs::Measure> result() const override {
      auto measures = ClassificationEvaluator::result();
      measures.push_back({.name = "right",
                          .value = 1 - measures[1].value,
                          .unit = "share",
                          .larger_is_better = true});
      return measures;
    }
  };
  struct RightTask : QuadrantTask {
    std::unique_ptr<Evaluator> make_evaluator() const override {
      return std::make_unique<Right>(std::vector<std::string>{"no", "yes"});
    }
  };
  RightTask task;
  auto with = options();
  with.eval_steps = 5;
  std::vector<int> best[2];
  for (const bool is_larger : {false, true}) {
    task.monitored = is_larger ? "right" : "error";
    Supervised learner(task, with, Key{1});
    for (int i = 0; i < 60; ++i) {
      learner.update();
      if (learner.is_best()) best[is_larger].push_back(i);
    }
  }
  EXPECT_EQ(best[0], best[1]);
  EXPECT_GE(best[0].size(), 2U);
  EXPECT_LT(best[0].size(), 12U);
  task.monitored = "wrong";
  expect_error<UsageError>([&] { check_training(task, with); },
                           "the monitored measure must be one that the evaluator gives (loss, "
                           "error, right), got wrong");
}

TEST(Supervised, ALossThatIsNoneIsAnError) {
  struct Bad : QuadrantTask {
    Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key&) const override {
      (void)batch;
      Loss made;
      if (kind == 1) made.value = outputs["logits"].sum().detach();
      if (kind == 2) made.value = outputs["logits"].sum(1);
      if (kind == 3) made = {.value = outputs["logits"].sum(), .weight = -1};
      if (kind == 4) return classification_loss(outputs["logits"], batch["label"] + 4);
      if (kind == 5)
        made.value = torch::nn::functional::cross_entropy(outputs["logits"],
                                                          batch["label"].to(torch::kFloat32));
      return made;
    }
    int kind = 0;
  };
  Bad task;
  auto with = options();
  with.workers = 1;
  const auto message = [&](int kind) {
    task.kind = kind;
    Supervised learner(task, with, Key{1});
    return error_of([&] { learner.update(); });
  };
  const std::string head =
      "training stopped at step 0: a loss must be one number with the graph that made it, got ";
  EXPECT_EQ(message(0), head + "an undefined tensor");
  EXPECT_EQ(message(1), head + "one without a graph");
  EXPECT_EQ(message(2), head + "[16]");
  EXPECT_EQ(message(3),
            "training stopped at step 0: the weight of a loss must be a number of at least 0, got "
            "-1");
  EXPECT_TRUE(message(4).starts_with("training stopped at step 0: a label must be in 0..1, got "))
      << message(4);
  EXPECT_NE(message(4).find("(example "), std::string::npos) << message(4);
  EXPECT_EQ(message(5).find("Exception raised from"), std::string::npos) << message(5);
  EXPECT_TRUE(message(5).starts_with("training stopped at step 0: ")) << message(5);
}

TEST(Supervised, OptionsThatCodeSetsAreChecked) {
  const QuadrantTask task;
  const auto message = [&](const auto& set) {
    auto with = options();
    set(with);
    return error_of([&] { Supervised(task, with, Key{1}); });
  };
  EXPECT_EQ(message([](auto& with) { with.eval_steps = 0; }),
            "options: train.eval_steps must be at least 1, got 0");
  EXPECT_EQ(message([](auto& with) { with.log_steps = 0; }),
            "options: train.log_steps must be at least 1, got 0");
  EXPECT_EQ(message([](auto& with) { with.workers = 0; }),
            "options: train.workers must be in 1..256, got 0");
  EXPECT_TRUE(message([](auto& with) { with.lr = -1; }).starts_with("options: train.lr must be "));
  for (const auto& text :
       {message([](auto& with) { with.momentum = 2; }), message([](auto& with) { with.ema = 2; }),
        message([](auto& with) { with.patience = -1; }),
        message([](auto& with) { with.optimizer = static_cast<OptimizerKind>(9); })})
    EXPECT_TRUE(text.starts_with("options: train.")) << text;
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
  if (!torch::cuda::is_available()) {
    auto elsewhere = with;
    elsewhere.device = TrainDevice::kCuda;
    expect_error<UsageError>([&] { check_training(task, elsewhere); },
                             "train.device = cuda, but this LibTorch finds no CUDA device here");
  }
  with.workers = 1;
  with.batch = 201;
  expect_error([&] { Supervised(task, with, Key{1}); },
               "train.batch must be at most the number of examples (200), got 201");
  with = options();
  with.schedule = ScheduleKind::kStep;
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
