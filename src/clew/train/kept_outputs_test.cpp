// SPDX-License-Identifier: Apache-2.0
#include "clew/train/kept_outputs.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "clew/core/files.h"
#include "tests/support/expect_error.h"
#include "tests/support/supervised_task.h"

namespace clew::train {
namespace {

using namespace supervised_test;
namespace fs = std::filesystem;

torch::Tensor hidden_of(torch::nn::Module& network, const torch::Tensor& image) {
  auto& own = dynamic_cast<NetworkImpl&>(network);
  return torch::relu(own.norm(own.first(image)));
}

/// Quadrants with cacheable hidden units; counts computations of the first layer.
class KeptTask : public QuadrantTask {
 public:
  KeptTask() { parts = {frozen("first"), frozen("norm")}; }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override {
    if (!batch.has("hidden")) return QuadrantTask::forward(network, batch, key);
    data::Batch outputs;
    outputs.set("logits", dynamic_cast<NetworkImpl&>(network).last(batch["hidden"]));
    return outputs;
  }
  std::optional<FrozenPrefix> frozen_prefix(
      const torch::nn::Module& network,
      const std::function<bool(const std::string&)>& is_frozen) const override {
    const auto is_last = names_under("last");
    for (const auto& item : network.named_parameters())
      if (!is_last(item.key()) && !is_frozen(item.key())) return {};
    return prefix();
  }
  FrozenPrefix prefix() const {
    return {.run =
                [this](torch::nn::Module& module, const data::Batch& batch) {
                  computed += batch.size();
                  data::Batch outputs;
                  outputs.set("hidden", hidden_of(module, batch["image"]));
                  return outputs;
                },
            .outputs = {{.name = "hidden", .shape = {16}, .type = torch::kFloat32, .meaning = ""}},
            .inputs = {"image"}};
  }
  mutable std::atomic<std::int64_t> computed = 0;
};

SupervisedOptions kept(int versions) {
  auto made = options();
  made.kept_versions = versions;
  return made;
}

std::vector<std::byte> trained(const KeptTask& task, const SupervisedOptions& with,
                               const fs::path& folder = {}) {
  Supervised learner(task, with, Key{1}, nullptr, {.keep_folder = folder});
  while (!learner.is_finished()) learner.update();
  return learner.checkpoint();
}

class KeptOutputs : public testing::Test {
 protected:
  KeptOutputs() : folder_(fs::path(testing::TempDir()) / "clew_kept") { fs::remove_all(folder_); }
  ~KeptOutputs() override { fs::remove_all(folder_); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
    std::sort(found.begin(), found.end());
    return found;
  }
  fs::path folder_;
};

TEST_F(KeptOutputs, AreComputedOnceForEachVersionAndReadAgain) {
  const KeptTask task;
  const auto first = trained(task, kept(3), folder_);
  EXPECT_EQ(task.computed, 3 * 200 + 75);
  ASSERT_EQ(files().size(), 2U);
  EXPECT_TRUE(files()[0].filename().string().starts_with("train-"));
  EXPECT_EQ(trained(task, kept(3), folder_), first);
  EXPECT_EQ(task.computed, 3 * 200 + 75);
  EXPECT_EQ(trained(task, kept(3)), first);  // in memory alone
  EXPECT_EQ(task.computed, 2 * (3 * 200 + 75));
}

TEST_F(KeptOutputs, AreThoseThatEachStepWouldCompute) {
  KeptTask task;
  Supervised learner(task, kept(1), Key{1});
  std::vector<torch::nn::Module*> networks = {&learner.network()};
  const auto set = keep_outputs(task.train, task.prefix(), networks,
                                {.versions = 2, .batch = 16, .key = Key{4}});
  ASSERT_EQ(set->size(), 200);
  EXPECT_EQ(set->columns().size(), 2U);
  std::set<float> seen;
  for (std::uint64_t k = 0; k < 20; ++k) {
    const auto example = set->get(7, Key{k});
    EXPECT_EQ(example["label"].item<std::int64_t>(),
              task.train.get(7, Key{})["label"].item<std::int64_t>());
    seen.insert(example["hidden"].sum().item<float>());
  }
  EXPECT_EQ(seen.size(), 2U);
  const torch::NoGradGuard no_grad;
  for (std::uint64_t version = 0; version < 2; ++version) {
    const auto image = task.train.get(7, fold_in(Key{4}, 14 + version))["image"].unsqueeze(0);
    EXPECT_EQ(seen.count(hidden_of(learner.network(), image)[0].sum().item<float>()), 1U)
        << version;
  }
}

TEST_F(KeptOutputs, DoNotDependOnWorkersAndProcesses) {
  KeptTask task;
  task.has_norm = true;
  auto two = kept(2);
  two.workers = 2;
  const auto one_process = train_in(1, task, two, 30)[0];
  two.workers = 1;
  EXPECT_EQ(train_in(2, task, two, 30)[0], one_process);
}

TEST_F(KeptOutputs, ResumedEqualsNeverStopped) {
  const KeptTask task;
  const auto whole = trained(task, kept(2));
  Supervised first(task, kept(2), Key{1}, nullptr, {.keep_folder = folder_});
  for (int i = 0; i < 23; ++i) first.update();
  Supervised second(task, kept(2), Key{1}, nullptr, {.keep_folder = folder_});
  second.restore_frozen(first.frozen(), "frozen");
  second.restore(first.checkpoint(), "checkpoint");
  while (!second.is_finished()) second.update();
  EXPECT_EQ(second.checkpoint(), whole);
}

TEST_F(KeptOutputs, NothingIsKeptWhereSomethingBeforeLearns) {
  KeptTask task;
  task.parts = {frozen("norm")};
  (void)trained(task, kept(2), folder_);
  EXPECT_EQ(task.computed, 0);
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(KeptOutputs, AFileOfOtherWeightsIsRefused) {
  KeptTask task;
  (void)trained(task, kept(1), folder_);
  const auto own = files();
  auto other = kept(1);
  Supervised learner(task, other, Key{2}, nullptr, {.keep_folder = folder_});
  learner.update();
  ASSERT_EQ(files().size(), 4U);
  for (const auto& file : files()) {
    if (std::count(own.begin(), own.end(), file) != 0) continue;
    const bool is_train = file.filename().string().starts_with("train");
    fs::copy_file(file, own[is_train ? 0 : 1], fs::copy_options::overwrite_existing);
  }
  const auto text = error_of([&] { (void)trained(task, kept(1), folder_); });
  EXPECT_NE(text.find(own[0].string() + ": are outputs kept of other weights or examples (key "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("; delete the file, and they are computed anew"), std::string::npos) << text;
  write_file_atomic(own[0], std::string("torn"));
  EXPECT_NE(error_of([&] { (void)trained(task, kept(1), folder_); }).find(own[0].string()),
            std::string::npos);
}

}  // namespace
}  // namespace clew::train
