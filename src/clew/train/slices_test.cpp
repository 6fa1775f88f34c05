// SPDX-License-Identifier: Apache-2.0
// Slices of a batch in workers and processes: the same results as one slice.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/nn/batch_norm.h"
#include "tests/support/expect_error.h"
#include "tests/support/supervised_task.h"

namespace clew::train {
namespace supervised_test {

TEST(Supervised, SlicesGiveTheGradientOfTheBatch) {
  QuadrantTask task;
  task.has_norm = false;  // it would see a slice instead of the batch
  const auto weights = [&](int workers) {
    auto with = options();
    with.workers = workers;
    with.optimizer = OptimizerKind::kSgd;
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

TEST(Supervised, SlicesWeighWhatCountsInThem) {
  // The loss is a mean over the examples of class 1 alone.
  struct Weighted : QuadrantTask {
    Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key&) const override {
      const auto counts = batch["label"].eq(1).to(torch::kFloat32);
      const auto losses = torch::nn::functional::cross_entropy(
          outputs["logits"], batch["label"],
          torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
      const auto value = (losses * counts).sum() / counts.sum();  // NaN where nothing counts
      return {.value = value,
              .metrics = {{"loss", value.item<double>()}},
              .weight = counts.sum().item<double>()};
    }
  };
  Weighted task;
  task.has_norm = false;
  double loss = 0;
  const auto weights = [&](int workers) {
    auto with = options();
    with.workers = workers;
    with.optimizer = OptimizerKind::kSgd;
    with.momentum = with.ema = 0;
    Supervised learner(task, with, Key{3});
    learner.update();
    loss = metric(learner.take_metrics(), "loss");
    return learner.network().named_parameters()["first.weight"].detach().clone();
  };
  const auto one = weights(1);
  const double whole = loss;
  for (const int workers : {2, 5, 16}) {  // of sixteen slices some hold nothing that counts
    EXPECT_LT((one - weights(workers)).abs().max().item<double>(), 1e-6) << workers;
    EXPECT_NEAR(loss, whole, 1e-6) << workers;
  }
}

/// Loss over all pairs of examples: similar logits within a class.
struct PairTask : QuadrantTask {
  PairTask() { has_norm = false; }
  Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key&) const override {
    EXPECT_EQ(batch.names(), std::vector<std::string>{"label"});
    EXPECT_EQ(batch.indices.size(0), batch.size());
    const auto& logits = outputs["logits"];
    torch::Tensor sum;
    if (outputs.has("list"))
      for (const auto& one : outputs.list("list")) sum = sum.defined() ? sum + one : one;
    const auto& label = batch["label"];
    const auto same = label.unsqueeze(0).eq(label.unsqueeze(1)).to(torch::kFloat32);
    const auto apart = (logits.unsqueeze(0) - logits.unsqueeze(1)).square().sum(2);
    auto value = (same * apart + (1 - same) * torch::exp(-apart)).mean();
    if (sum.defined()) value = value + 0.01 * sum.square().mean();
    return {.value = value, .metrics = {{"loss", value.item<double>()}}};
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override {
    auto outputs = QuadrantTask::forward(network, batch, key);
    if (!has_list) return outputs;
    std::vector<torch::Tensor> list;
    for (std::int64_t i = 0; i < batch.size(); ++i) list.push_back(outputs["logits"][i]);
    outputs.set_list("list", list);
    return outputs;
  }
  std::optional<std::vector<std::string>> whole_batch_columns() const override {
    return std::vector<std::string>{"label"};
  }
  bool has_list = false;
};

TEST(Supervised, ALossOverTheWholeBatchIsTheSameForAnyNumberOfSlices) {
  for (const bool has_list : {false, true}) {
    PairTask task;
    task.has_list = has_list;
    const auto one = first_weight(task, plain_descent(), 1, 3);
    for (const int workers : {2, 3, 16})
      EXPECT_LT((one - first_weight(task, plain_descent(), workers, 3)).abs().max().item<double>(),
                1e-6)
          << workers;
  }
}

TEST(Supervised, ALossOverTheWholeBatchIsTheSameInMoreProcesses) {
  for (const bool has_list : {false, true}) {
    PairTask task;
    task.has_list = has_list;
    auto with = options();
    with.workers = 4;
    const auto one = train_in(1, task, with, 25)[0];
    with.workers = 2;
    EXPECT_EQ(train_in(2, task, with, 25)[1], one);
    with.workers = 1;
    const auto four = train_in(4, task, with, 25);
    EXPECT_EQ(four[0], one);
    EXPECT_EQ(four[3], one);
  }
}

TEST(Supervised, ATaskSaysWhichExamplesMakeUpABatch) {
  // Every example once an epoch, so that the last batch has eight of 200.
  struct Sampled : PairTask {
    std::shared_ptr<const data::Sampler> make_sampler(int batch, const Key& key) const override {
      return data::uniform_sampler(200, {.batch_size = batch, .key = key});
    }
    Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key& key) const override {
      if (!is_whole) return QuadrantTask::loss(outputs, batch, key);
      const std::lock_guard lock(noting);
      sizes.push_back(batch.size());
      return PairTask::loss(outputs, batch, key);
    }
    std::optional<std::vector<std::string>> whole_batch_columns() const override {
      if (!is_whole) return {};
      return PairTask::whole_batch_columns();
    }
    bool is_whole = false;
    mutable std::mutex noting;
    mutable std::vector<std::int64_t> sizes;
  };
  auto with = plain_descent();
  for (const bool is_whole : {false, true}) {
    Sampled task;
    task.is_whole = is_whole;
    const auto one = first_weight(task, with, 1, 14);
    if (is_whole) {
      EXPECT_EQ(task.sizes,
                (std::vector<std::int64_t>{16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 8, 16}));
    }
    EXPECT_LT((one - first_weight(task, with, 11, 14)).abs().max().item<double>(), 1e-5);
    with.workers = 11;
    const auto whole = train_in(1, task, with, 14)[0];
    with.workers = 1;
    EXPECT_EQ(train_in(11, task, with, 14)[7].size(), whole.size());
  }
}

/// The points as pictures [2,1,1] through our batch norm.
struct PictureNetworkImpl : torch::nn::Module {
  PictureNetworkImpl()
      : first(register_module("first", torch::nn::Linear(2, 16))),
        norm(register_module("norm", nn::BatchNorm2d(16))),
        last(register_module("last", torch::nn::Linear(16, 2))) {}
  torch::Tensor forward(const torch::Tensor& x) {
    return last(torch::relu(norm(first(x).unsqueeze(2).unsqueeze(3)).flatten(1)));
  }
  torch::nn::Linear first;
  nn::BatchNorm2d norm;
  torch::nn::Linear last;
};
struct PictureTask : QuadrantTask {
  std::shared_ptr<torch::nn::Module> make_network() const override {
    return std::make_shared<PictureNetworkImpl>();
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key&) const override {
    CLEW_CHECK(!fails || batch.indices[0].item<std::int64_t>() % 2 == 0, "an odd example");
    data::Batch outputs;
    outputs.set("logits", dynamic_cast<PictureNetworkImpl&>(network).forward(batch["image"]));
    return outputs;
  }
  Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key& key) const override {
    auto made = QuadrantTask::loss(outputs, batch, key);
    if (has_weight) made.weight = batch.indices[0].item<std::int64_t>() % 3 == 0 ? 0 : 1;
    return made;
  }
  bool fails = false, has_weight = false;
};

TEST(Supervised, SynchronisedBatchNormsSeeTheWholeBatch) {
  const PictureTask task;
  auto with = plain_descent();
  with.batch_norm = BatchNormMode::kSync;
  const auto weights = [&](int workers) { return first_weight(task, with, workers, 3); };
  const auto one = weights(1);
  for (const int workers : {2, 3, 16})
    EXPECT_LT((one - weights(workers)).abs().max().item<double>(), 1e-5) << workers;
  with.batch_norm = BatchNormMode::kSlice;
  EXPECT_GT((one - weights(4)).abs().max().item<double>(), 1e-4);
  with.batch_norm = BatchNormMode::kSync;
  expect_error<UsageError>([&] { Supervised(QuadrantTask(), with, Key{1}); },
                           "train.batch_norm = sync needs a network whose batch norms are "
                           "clew::nn::BatchNorm2d, and norm is none");
}

TEST(Supervised, SynchronisedBatchNormsWaitForNoSliceThatFailedOrCountsNothing) {
  PictureTask task;
  auto with = options();
  with.batch_norm = BatchNormMode::kSync;
  with.workers = 8;
  task.has_weight = true;
  Supervised learner(task, with, Key{3});
  for (int i = 0; i < 3; ++i) learner.update();
  task.fails = true;
  EXPECT_TRUE(error_of([&] { learner.update(); }).starts_with("training stopped at step 3: a"));
}

TEST(Supervised, SynchronisedBatchNormsAreTheSameInMoreProcesses) {
  const PictureTask task;
  auto with = options();
  with.batch_norm = BatchNormMode::kSync;
  with.workers = 4;
  const auto one = train_in(1, task, with, 25)[0];
  with.workers = 2;
  EXPECT_EQ(train_in(2, task, with, 25)[1], one);
  with.workers = 1;
  EXPECT_EQ(train_in(4, task, with, 25)[3], one);
}

}  // namespace supervised_test
}  // namespace clew::train
