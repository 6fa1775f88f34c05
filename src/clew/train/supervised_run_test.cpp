// SPDX-License-Identifier: Apache-2.0
// Run folders of a supervised system, from recipe to evaluation, and initial weights.
#include "clew/train/supervised_run.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/nn/weights.h"
#include "clew/train/classification.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace supervised_run_test {

namespace fs = std::filesystem;

/// Points in the plane; class 1 for x y > 0.
class Points : public data::Dataset {
 public:
  explicit Points(Key key) : key_(key) {}
  std::int64_t size() const override { return 64; }
  data::Example get(std::int64_t index, const Key&) const override {
    Stream stream(fold_in(key_, static_cast<std::uint64_t>(index)));
    const float x = stream.uniform() * 2 - 1, y = stream.uniform() * 2 - 1;
    return {{"image", torch::tensor({x, y})}, {"label", torch::tensor(std::int64_t{x * y > 0})}};
  }
  data::Columns columns() const override { return data::image_and_label({2}); }
  std::vector<std::string> class_names() const override { return {"no", "yes"}; }

 private:
  Key key_;
};

struct Config : LearningConfig {
  std::string system = "points";
  int width = 16;
  void fields(Fields& v) override {
    v("system", system);
    v("seed", seed, {.is_setting = false});
    v("width", width, {.min = 1, .max = 100});
    v.group("start", start);
    v.group("train", train);
  }
};

struct NetworkImpl : torch::nn::Module {
  explicit NetworkImpl(std::int64_t width)
      : body(register_module(
            "body", torch::nn::Sequential(torch::nn::Linear(2, width), torch::nn::ReLU()))),
        head(register_module("head", torch::nn::Linear(width, 2))) {}
  torch::Tensor forward(const torch::Tensor& x) { return head(body->forward(x)); }
  torch::nn::Sequential body;
  torch::nn::Linear head;
};

class PointTask : public Task {
 public:
  explicit PointTask(int width) : width_(width) {}
  std::shared_ptr<torch::nn::Module> make_network() const override {
    return std::make_shared<NetworkImpl>(width_);
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key&) const override {
    data::Batch outputs;
    outputs.set("logits", dynamic_cast<NetworkImpl&>(network).forward(batch["image"]));
    return outputs;
  }
  Loss loss(const data::Batch& outputs, const data::Batch& batch, const Key&) const override {
    return classification_loss(outputs["logits"], batch["label"]);
  }
  std::unique_ptr<Evaluator> make_evaluator() const override {
    return std::make_unique<ClassificationEvaluator>(test_.class_names());
  }
  const data::Dataset& train_set() const override { return train_; }
  const data::Dataset& validation_set() const override { return validation_; }
  const data::Dataset& test_set() const override { return test_; }

 private:
  int width_;
  Points train_{Key{1}}, validation_{Key{2}}, test_{Key{3}};
};

class PointSystem : public LearningSystem {
 public:
  std::string name() const override { return "points"; }
  std::unique_ptr<LearningConfig> make_config() const override {
    return std::make_unique<Config>();
  }
  std::vector<std::string> resolve(LearningConfig& config) const override {
    return {concat("the width is ", dynamic_cast<Config&>(config).width)};
  }
  std::shared_ptr<torch::nn::Module> make_network(const LearningConfig& config) const override {
    return std::make_shared<NetworkImpl>(dynamic_cast<const Config&>(config).width);
  }
  std::unique_ptr<Task> make_task(const LearningConfig& config) const override {
    return std::make_unique<PointTask>(dynamic_cast<const Config&>(config).width);
  }
  std::function<void(std::int64_t, bool)> make_drawer(
      const fs::path&, const Task&, const std::function<Supervised&()>&) const override {
    return [this](std::int64_t steps, bool is_last) {
      drawn.push_back(steps);
      if (is_last) ++lasts;
    };
  }
  RunEvaluation describe(const fs::path&, const LearningConfig&, const Task&,
                         const Evaluator& evaluator, torch::nn::Module& network) const override {
    EXPECT_FALSE(network.is_training());
    const auto error = evaluator.result().at(1).value;
    return {.evaluation = {.summary = concat("error ", error), .details = "{\"more\": 7}"}};
  }
  std::vector<nn::ExportFormat> export_formats() const override {
    return {nn::ExportFormat::kSafetensors};
  }
  ExportPlan export_plan(const LearningConfig&, torch::nn::Module&,
                         nn::ExportFormat) const override {
    return {};
  }

  mutable std::vector<std::int64_t> drawn;
  mutable int lasts = 0;
};

struct SupervisedRuns : testing::Test {
  SupervisedRuns() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~SupervisedRuns() override {
    set_log_sink({});
    fs::remove_all(folder);
  }
  fs::path create(const std::string& more = "") {
    auto tree = parse_toml(
        "train.steps = 40\ntrain.batch = 16\ntrain.workers = 2\ntrain.lr = 0.02\n"
        "train.eval_steps = 10\ntrain.log_steps = 10\n",
        "recipe.toml");
    for (std::size_t begin = 0; begin < more.size();) {
      const auto end = std::min(more.find(' ', begin), more.size());
      apply_override(tree, more.substr(begin, end - begin));
      begin = end + 1;
    }
    return create_run(system, folder / "runs", "points/test", tree, "made by a test");
  }
  RunEnd train(const fs::path& run, bool is_resumed = false, std::int64_t until = 1000) {
    RunCallbacks callbacks;
    std::int64_t now = 0;
    callbacks.on_update = [&](std::int64_t steps, double, double) { now = steps; };
    callbacks.should_stop = [&] { return now >= until; };
    return train_run(system, run, is_resumed, callbacks);
  }
  std::map<std::string, torch::Tensor> weights(const fs::path& run) {
    std::map<std::string, torch::Tensor> all;
    const auto network = load_run(system, run);
    for (const auto& [name, tensor] : nn::state_of(*network)) all[name] = tensor.clone();
    return all;
  }
  fs::path folder = fs::temp_directory_path() /
                    concat("clew_supervised_run_", ::getpid(), "_",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
  PointSystem system;
};

TEST_F(SupervisedRuns, FromRecipeToEvaluation) {
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const std::string& line) { lines.push_back(line); });
  const auto run = create();
  EXPECT_EQ(lines, std::vector<std::string>{"the width is 16"});
  EXPECT_NE(read_file(run / "log.txt", 10'000).find("the width is 16"), std::string::npos);
  const auto config = read_file(run / "config.toml", 100'000);
  EXPECT_TRUE(config.starts_with("# made by a test\nsystem = \"points\"\n")) << config;
  EXPECT_EQ(train(run), RunEnd::kFinished);
  EXPECT_EQ(system.drawn.size(), 40U);
  EXPECT_EQ(system.lasts, 1);
  const auto result = evaluate_run(system, run);
  const auto& evaluation = result.evaluation;
  EXPECT_TRUE(evaluation.summary.starts_with("error ")) << evaluation.summary;
  write_evaluation(run, result);
  EXPECT_EQ(read_file(run / "eval.json", 10'000), runs::evaluation_json(evaluation));
  const auto json = nlohmann::json::parse(runs::evaluation_json(evaluation));
  EXPECT_EQ(json["system"], "points");
  EXPECT_EQ(json["details"]["more"], 7);
  EXPECT_EQ(json["measures"][2]["name"], "parameters");
  EXPECT_EQ(json["measures"][2]["value"], 16 * 3 + 2 * 17);
  const auto about = runs::read_about(run);
  ASSERT_GE(about.plots.size(), 2U);
  EXPECT_EQ(about.plots[0].lines[0].metric, "val_loss");  // the monitored one
  EXPECT_EQ(json["run_step"], 40);
  EXPECT_GE(json["step"].get<int>(), 10);
  EXPECT_EQ(json["summary"], evaluation.summary);
  EXPECT_EQ(json["measures"][1]["name"], "error");
  EXPECT_EQ(json["measures"][1]["value"], evaluation.measures.at(1).value);
  EXPECT_EQ(json["measures"][1]["unit"], "share");
  EXPECT_EQ(json["measures"][1]["better"], "smaller");
  export_run(system, run, folder / "out.safetensors");
  EXPECT_EQ(nn::read_tensors(folder / "out.safetensors").size(), 4U);
  EXPECT_TRUE(runs::read_metrics(run / "metrics.jsonl").back().get("val_error").has_value());
  expect_error<UsageError>([&] { create("width=0"); },
                           "command line: width must be in 1..100, got 0");
  expect_error<UsageError>([&] { create("train.batch=100"); },
                           "train.batch must be at most the number of examples (64), got 100");
}

TEST_F(SupervisedRuns, ResumedEqualsNeverStopped) {
  const auto whole = create(), piece = create();
  train(whole);
  EXPECT_EQ(train(piece, false, 17), RunEnd::kStopped);
  EXPECT_EQ(train(piece, true), RunEnd::kFinished);
  EXPECT_EQ(newest_checkpoint(piece).bytes, newest_checkpoint(whole).bytes);
}

constexpr const char* kTwoPhases =
    "train.phases=[\"train.steps=12\\u0020start.freeze=[body]\",\"train.steps=20\\u0020train.lr=0."
    "01\"]";

TEST_F(SupervisedRuns, PhasesChangeWhatTheySay) {
  const auto run = create(kTwoPhases);
  EXPECT_NE(read_file(run / "config.toml", 100'000).find("steps = 32\n"), std::string::npos);
  EXPECT_EQ(train(run, false, 12), RunEnd::kStopped);
  const auto begun = folder / "begun";
  fs::copy(run, begun, fs::copy_options::recursive);
  EXPECT_EQ(train(run, true), RunEnd::kFinished);
  const auto whole = create(kTwoPhases);
  EXPECT_EQ(train(whole), RunEnd::kFinished);
  EXPECT_EQ(newest_checkpoint(run).bytes, newest_checkpoint(whole).bytes);
  const auto body = [&](const fs::path& one) {
    const auto newest = newest_checkpoint(one);
    const auto file = nn::parse_safetensors(std::as_bytes(std::span(newest.bytes)), "checkpoint");
    return nn::read_tensor(file, "network.body.0.weight", torch::kFloat32, {}, "checkpoint");
  };
  EXPECT_FALSE(body(begun).equal(body(run)));  // frozen in the first phase alone
  const auto lines = runs::read_metrics(run / "metrics.jsonl");
  EXPECT_EQ(lines.front().get("phase"), 1);
  EXPECT_EQ(lines.back().get("phase"), 2);
  EXPECT_EQ(evaluate_run(system, run).evaluation.run_step, 32);
}

TEST_F(SupervisedRuns, PhasesThatCannotBe) {
  const auto error = [&](const std::string& phase) {
    return error_of<UsageError>([&] { create("train.phases=[\"" + phase + "\"]"); });
  };
  EXPECT_EQ(error("train.lr=1"),
            "phase 'train.lr=1': a phase must say how many train.steps it has");
  EXPECT_EQ(error("train.steps=2\\u0020seed=3"),
            "phase 'train.steps=2 seed=3': seed is the whole run's, and no phase can change it");
  EXPECT_EQ(error("train.steps=2\\u0020width=3"),
            "phase 'train.steps=2 width=3': its network must be the recipe's");
  EXPECT_EQ(error("train.steps=0"),
            "phase 'train.steps=0': command line: train.steps must be in 1..1000000000000, got 0");
  EXPECT_TRUE(error("train.steps=2\\u0020start.freeze=[bodi]")
                  .starts_with("start.freeze = 'bodi' matches no parameter"));
}

TEST_F(SupervisedRuns, BeginsWithTheWeightsOfARunOrAFile) {
  const auto first = folder / "first";
  fs::rename(create("seed=2"), first);
  train(first);
  const auto before = weights(first);
  nn::save_weights(*load_run(system, first), folder / "weights.pth");
  for (const auto& from : {first, folder / "weights.pth"}) {
    const auto run = create(concat("start.weights=", from.string(),
                                   " start.skip=[\"head\"] start.freeze=[\"body\"] train.steps=5"));
    const auto config = read_file(run / "config.toml", 100'000);
    EXPECT_NE(config.find("hash = \""), std::string::npos);
    EXPECT_EQ(config.find("hash = \"\""), std::string::npos);
    train(run, false, 2);
    EXPECT_NE(read_file(run / "log.txt", 10'000)
                  .find(concat("weights of ", from.string(),
                               ": 2 loaded, 2 skipped (head.weight, head.bias)")),
              std::string::npos);
    // The run no longer needs them.
    fs::rename(from, folder / "away");
    train(run, true);
    auto after = weights(run);
    EXPECT_TRUE(after.at("body.0.weight").equal(before.at("body.0.weight")));
    EXPECT_FALSE(after.at("head.weight").equal(before.at("head.weight")));
    const auto newest = newest_checkpoint(run);
    const auto file = nn::parse_safetensors(std::as_bytes(std::span(newest.bytes)), "checkpoint");
    EXPECT_FALSE(file.tensors.contains("network.body.0.weight"));
    EXPECT_TRUE(path_exists(run / "checkpoints/frozen.safetensors"));
    // Initial weights from a run with frozen weights.
    const auto next = create(concat("start.weights=", run.string(), " train.steps=1 train.lr=0"));
    train(next);
    EXPECT_TRUE(weights(next).at("body.0.weight").equal(before.at("body.0.weight")));
    fs::rename(folder / "away", from);
  }
}

TEST_F(SupervisedRuns, SlowModulesLearnSlowly) {
  const auto moved = [&](const std::string& more) {
    const auto run = create("train.steps=1 train.optimizer=sgd train.momentum=0 " + more);
    const auto begun = create("train.steps=1 train.lr=0 " + more);
    train(run);
    train(begun);
    return (weights(run).at("body.0.weight") - weights(begun).at("body.0.weight"))
        .abs()
        .max()
        .item<double>();
  };
  const double all = moved("seed=3");
  EXPECT_NEAR(moved("seed=3 start.slow=[\"body\"] start.slow_factor=0.25"), all / 4, all * 1e-3);
}

TEST_F(SupervisedRuns, WeightsThatDoNotFit) {
  const auto run = create();
  train(run);
  const auto from = "start.weights=" + run.string();
  expect_error([&] { create("start.weights=/nowhere/weights.pth"); },
               "start.weights = '/nowhere/weights.pth': there is no such file or run folder");
  const auto other = error_of([&] { create(from + " width=7 start.skip=[\"head\"]"); });
  EXPECT_TRUE(
      other.starts_with(concat("start.weights = '", run.string(),
                               "' has nothing that fits the network: 0 loaded, 2 of another "
                               "shape (body.0.weight: ")))
      << other;
  expect_error<UsageError>([&] { create(from + " start.freeze=[\"boddy\"]"); },
                           "start.freeze = 'boddy' matches no parameter of the network, whose "
                           "first is body.0.weight and whose last is head.bias");
  expect_error<UsageError>([&] { create(from + " start.skip=[\"haed\"]"); },
                           "start.skip = 'haed' matches no weight of the network, whose first is "
                           "body.0.weight");
  expect_error<UsageError>([&] { create(from + " start.freeze=[\"\"]"); },
                           "start.freeze = '' leaves no parameter that learns");
  expect_error<UsageError>([&] { create(from + " start.part=model"); },
                           concat("start.part is for files of weights, and '", run.string(),
                                  "' is a folder, got start.part = 'model'"));
  // Other weights than the run was made for.
  nn::save_weights(*load_run(system, run), folder / "weights.pth");
  const auto next = create(concat("start.weights=", (folder / "weights.pth").string()));
  torch::manual_seed(9);
  nn::save_weights(NetworkImpl(16), folder / "weights.pth");
  const auto changed = error_of([&] { train(next); });
  EXPECT_NE(changed.find("are other weights than the run was made for: their hash must be "),
            std::string::npos)
      << changed;
  write_file_atomic(folder / "weights.pth", std::string_view("nothing"));
  EXPECT_THROW(create(concat("start.weights=", (folder / "weights.pth").string())), Error);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "runs/points/test"), {}), 2);
}

}  // namespace supervised_run_test
}  // namespace clew::train
