// SPDX-License-Identifier: Apache-2.0
// Alternating training: losses, learned parameters and initial weights of each step, and whole runs.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/detect/detect_system.h"
#include "clew/detect/detect_task.h"
#include "clew/detect/proposal_evaluator.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/nn/weights.h"
#include "clew/runs/about.h"
#include "clew/runs/metrics.h"
#include "clew/train/supervised_run.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace alternating_test {

namespace fs = std::filesystem;

DetectConfig step_config(DetectTraining training) {
  DetectConfig config;
  config.training = training;
  config.data.scenes = 16;
  config.data.scene_size = 64;
  config.regions.short_side = 64;
  config.regions.anchor_sizes = {12, 24, 48, 64};
  return config;
}

data::Batch two_pictures(const DetectTask& task) {
  const std::vector<std::int64_t> indices = {0, 1};
  auto batch = data::batch_of(task.train_set(), indices, data::keys_of(indices, Key{5}));
  batch.indices = torch::tensor(indices);
  return batch;
}

void disturb(torch::nn::Module& network, const std::string& part) {
  const torch::NoGradGuard no_grad;
  std::int64_t count = 0;
  for (auto& item : network.named_parameters()) {
    if (!train::names_under(part)(item.key())) continue;
    item.value().add_(torch::randn_like(item.value()) * 0.05);
    ++count;
  }
  ASSERT_GT(count, 0) << part;
}

/// Names of metrics, and the parts of a network that the loss of one step depends on and gives gradients to.
struct Step {
  DetectTraining training;
  std::vector<std::string> metrics, read, learned;
};

const std::vector<std::string> kParts = {"backbone", "rpn", "roi_heads", "proposer.backbone",
                                         "proposer.rpn"};

TEST(Alternating, EachStepReadsAndLearnsItsParts) {
  using enum DetectTraining;
  for (const auto& [training, metrics, read, learned] :
       std::vector<Step>{{kProposals,
                          {"loss", "objectness_loss", "proposal_loss"},
                          {"proposer.backbone", "proposer.rpn"},
                          {"proposer.backbone", "proposer.rpn"}},
                         {kDetections,
                          {"loss", "class_loss", "box_loss"},
                          {"backbone", "roi_heads", "proposer.backbone", "proposer.rpn"},
                          {"backbone", "roi_heads"}},
                         {kSharedProposals,
                          {"loss", "objectness_loss", "proposal_loss"},
                          {"backbone", "rpn"},
                          {"rpn"}},
                         {kSharedDetections,
                          {"loss", "class_loss", "box_loss"},
                          {"backbone", "rpn", "roi_heads"},
                          {"roi_heads"}}}) {
    const std::string label(name_of(training));
    torch::manual_seed(1);
    const DetectTask task(step_config(training));
    const auto network = task.make_network();
    const auto batch = two_pictures(task);
    const auto loss = [&](torch::nn::Module& one) {
      one.train();
      return task.loss(task.forward(one, batch, Key{1}), batch, Key{1});
    };
    std::vector<std::string> names;
    for (const auto& item : network->named_parameters()) names.push_back(item.key());
    const auto settings = train::apply_rules(task.rules(*network), names);
    for (std::size_t i = 0; i < names.size(); ++i)
      network->named_parameters()[names[i]].set_requires_grad(!settings[i].is_frozen);
    const auto before = loss(*network);
    std::vector<std::string> found;
    for (const auto& metric : before.metrics) found.push_back(metric.name);
    EXPECT_EQ(found, metrics) << label;
    before.value.backward();
    for (const auto& part : kParts) {
      const bool is_learned = std::ranges::find(learned, part) != learned.end();
      for (const auto& item : network->named_parameters()) {
        if (!train::names_under(part)(item.key())) continue;
        EXPECT_EQ(item.value().grad().defined(), is_learned) << label << " " << item.key();
      }
      torch::manual_seed(1);
      const auto other = task.make_network();
      disturb(*other, part);
      const bool is_read = std::ranges::find(read, part) != read.end();
      EXPECT_EQ(loss(*other).value.item<double>() != before.value.item<double>(), is_read)
          << label << " " << part;
    }
  }
}

TEST(Alternating, ValidationOfAStepIsOfItsNetwork) {
  const torch::NoGradGuard no_grad;
  using enum DetectTraining;
  for (const auto& [training, read, ignored] : {std::tuple{kProposals, "proposer.rpn", "rpn"},
                                                {kDetections, "proposer.rpn", "rpn"},
                                                {kSharedProposals, "rpn", "proposer"},
                                                {kSharedDetections, "rpn", "proposer"}}) {
    auto config = step_config(training);
    config.regions.least_score = 0;
    const DetectTask task(config);
    const auto batch = two_pictures(task);
    const auto boxes = [&](const std::string& part) {
      torch::manual_seed(1);
      const auto network = task.make_network();
      if (!part.empty()) disturb(*network, part);
      network->eval();
      return task.forward(*network, batch, Key{}).list("boxes")[0];
    };
    const std::string label(name_of(training));
    const auto plain = boxes("");
    ASSERT_GT(plain.size(0), 0) << label;
    EXPECT_TRUE(boxes(ignored).equal(plain)) << label;
    EXPECT_FALSE(boxes(read).equal(plain)) << label;
    EXPECT_EQ(task.monitor(), trains_proposals(training) ? "recall50" : "ap");
  }
}

TEST(ProposalEvaluator, ByHand) {
  ProposalEvaluator evaluator;
  EXPECT_TRUE(std::isnan(evaluator.result()[0].value));
  const auto lists = [](std::initializer_list<torch::Tensor> tensors) {
    return std::vector<torch::Tensor>(tensors);
  };
  const auto boxes = [](std::vector<float> edges) { return torch::tensor(edges).view({-1, 4}); };
  data::Batch batch, outputs;
  batch.indices = torch::tensor({std::int64_t{3}, std::int64_t{4}});
  // Of the first picture a crowd; of the second one object found at 0.5 and not at 0.7, and one missed.
  batch.set_list("boxes",
                 lists({boxes({0, 0, 10, 10, 5, 5, 9, 9}), boxes({0, 0, 10, 10, 20, 20, 30, 30})}));
  batch.set_list("labels", lists({torch::tensor({0, 1}, torch::kInt64),
                                  torch::tensor({2, 0}, torch::kInt64)}));
  batch.set_list("crowd", lists({torch::tensor({false, true}), torch::tensor({false, false})}));
  batch.set_list("difficult",
                 lists({torch::tensor({false, false}), torch::tensor({false, false})}));
  outputs.set_list("boxes", lists({boxes({0, 0, 10, 9}), boxes({0, 0, 10, 6, 25, 25, 35, 35})}));
  evaluator.add(outputs, batch);
  ProposalEvaluator other;
  other.merge(evaluator.bytes());
  EXPECT_DOUBLE_EQ(other.result()[0].value, 2.0 / 3);
  EXPECT_DOUBLE_EQ(other.result()[1].value, 1.0 / 3);
}

struct AlternatingRuns : testing::Test {
  AlternatingRuns() { fs::create_directories(folder); }
  ~AlternatingRuns() override { fs::remove_all(folder); }
  fs::path create(const std::vector<std::string>& more) {
    auto tree = parse_toml(
        "system = \"detect\"\ntraining = \"alternating\"\n[data]\nscenes = 16\nscene_size = 64\n"
        "[regions]\nshort_side = 64\nanchor_sizes = [12, 24, 48, 64]\n[train]\nsteps = 2\n"
        "batch = 2\nworkers = 1\nprecision = \"fp32\"\neval_steps = 2\nlog_steps = 1\n",
        "recipe.toml");
    for (const auto& word : more) apply_override(tree, word);
    return train::create_run(system, folder / "runs", "detect/test", tree, "made by a test");
  }
  train::RunEnd run_until(const fs::path& run, bool is_resumed, std::int64_t until) {
    train::RunCallbacks callbacks;
    std::int64_t now = 0;
    callbacks.on_update = [&](std::int64_t steps, double, double) { now = steps; };
    callbacks.should_stop = [&] { return now >= until; };
    return train::train_run(system, run, is_resumed, callbacks);
  }
  static std::map<std::string, torch::Tensor> weights(const fs::path& run) {
    const auto newest = train::newest_checkpoint(run);
    const auto file = nn::parse_safetensors(std::as_bytes(std::span(newest.bytes)), "checkpoint");
    std::map<std::string, torch::Tensor> all;
    for (const auto& [name, entry] : file.tensors)
      if (name.starts_with("network."))
        all[name.substr(8)] =
            nn::read_tensor(file, name, nn::scalar_type(entry.dtype, name), {}, name);
    return all;
  }
  fs::path folder = fs::temp_directory_path() / concat("clew_alternating_", ::getpid());
  DetectSystem system;
};

using Weights = std::map<std::string, torch::Tensor>;

/// Parts of the network with other weights.
std::vector<std::string> changed(const Weights& before, const Weights& after) {
  std::vector<std::string> parts;
  for (const auto& part : kParts) {
    for (const auto& [name, tensor] : before) {
      if (!train::names_under(part)(name) || after.at(name).equal(tensor)) continue;
      parts.push_back(part);
      break;
    }
  }
  return parts;
}

TEST_F(AlternatingRuns, FourPhasesResumedAnywhere) {
  torch::manual_seed(7);
  nn::Backbone backbone("mobilenet_v2");
  nn::save_weights(*backbone, folder / "start.safetensors");
  const auto start = concat("start.weights=", (folder / "start.safetensors").string());
  const auto whole = create({start});
  EXPECT_EQ(run_until(whole, false, 1000), train::RunEnd::kFinished);

  // Stopped at the end and in the middle of each phase.
  const auto run = create({start});
  std::map<std::int64_t, Weights> at;
  for (std::int64_t until = 1; until <= 8; ++until) {
    run_until(run, until > 1, until);
    at[until] = weights(run);
  }
  EXPECT_EQ(train::newest_checkpoint(run).bytes, train::newest_checkpoint(whole).bytes);

  for (const auto& [name, tensor] : nn::state_of(*backbone)) {
    const auto own = detector_parameter("mobilenet_v2_fpn", name);
    if (!at[2].contains(own)) continue;            // layers behind the last map
    EXPECT_TRUE(at[2][own].equal(tensor)) << own;  // step 2 begins with them
    if (own.find(".running_") != std::string::npos || own == "backbone.body.0.0.weight") {
      EXPECT_TRUE(at[2]["proposer." + own].equal(tensor)) << own;
    }
  }
  using Parts = std::vector<std::string>;
  EXPECT_EQ(changed(at[1], at[2]), (Parts{"proposer.backbone", "proposer.rpn"}));
  EXPECT_EQ(changed(at[2], at[4]), (Parts{"backbone", "roi_heads"}));
  EXPECT_EQ(changed(at[4], at[6]), (Parts{"rpn"}));
  EXPECT_EQ(changed(at[6], at[8]), (Parts{"roi_heads"}));

  const auto lines = runs::read_metrics(run / "metrics.jsonl");
  ASSERT_EQ(lines.size(), 8U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool is_of_proposals = i / 2 % 2 == 0;
    EXPECT_EQ(lines[i].get("phase"), static_cast<double>(i / 2 + 1));
    EXPECT_EQ(lines[i].get("objectness_loss").has_value(), is_of_proposals) << i;
    EXPECT_EQ(lines[i].get("class_loss").has_value(), !is_of_proposals) << i;
  }
  EXPECT_TRUE(system.progress_text(lines[1]).starts_with("  phase 1  loss "));
  EXPECT_NE(system.progress_text(lines[1]).find("validation recall"), std::string::npos);
  const auto about = runs::read_about(run);
  EXPECT_EQ(about.notes.back(),
            "Alternating training in phases. 1: training=proposals train.steps=2; 2: "
            "training=detections train.steps=2; 3: training=shared_proposals train.steps=2; 4: "
            "training=shared_detections train.steps=2.");

  // A finished run is a plain detector.
  const auto network = train::load_run(system, run);
  const auto state = nn::state_of(*network);
  for (const auto& [name, tensor] : state) {
    EXPECT_FALSE(name.starts_with("proposer")) << name;
    EXPECT_TRUE(at[8].at(name).equal(tensor)) << name;
  }
  EXPECT_EQ(system.start_names(*train::read_run(system, run), "proposer.rpn.head.x"), Parts{});
  const auto evaluation = train::evaluate_run(system, run).evaluation;
  EXPECT_EQ(evaluation.run_step, 8);
}

TEST_F(AlternatingRuns, WhatCannotBe) {
  const auto error = [&](const std::vector<std::string>& words) {
    return error_of<UsageError>([&] { create(words); });
  };
  EXPECT_EQ(error({"training=proposals"}),
            "training must be joint or alternating, whose steps are for train.phases, got "
            "proposals");
  EXPECT_EQ(error({"train.phases=[\"train.steps=2\"]"}),
            "phase 'train.steps=2': training = alternating is the whole run's, and no phase can "
            "have it");
  EXPECT_EQ(error({"training=joint", "train.phases=[\"train.steps=2 training=proposals\"]"}),
            "phase 'train.steps=2 training=proposals': its network must be the recipe's");
}

}  // namespace alternating_test
}  // namespace clew::detect
