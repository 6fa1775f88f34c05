// SPDX-License-Identifier: Apache-2.0
#include "classify_bench.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "call_times.h"
#include "clew/classify/transfer_task.h"
#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/data/image_tensor.h"
#include "clew/data/loader.h"
#include "clew/data/scene_files.h"
#include "clew/image/files.h"
#include "clew/image/transform.h"
#include "clew/nn/backbones/backbone.h"
#include "clew/nn/inference/fused_graph.h"
#include "clew/train/classification.h"
#include "clew/train/supervised.h"
#include "peer.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

using WallClock = std::chrono::steady_clock;
using torch::Tensor;

double seconds_since(WallClock::time_point start) {
  return std::chrono::duration<double>(WallClock::now() - start).count();
}

struct Peer {
  std::string python;  // empty: none
  const ClassifyOptions& options;

  Json run(const std::string& job, const std::string& network, int batch, int threads,
           const std::string& key, const std::string& folder = "") const {
    log(LogLevel::kInfo, concat("running ", job, " of torchvision with ", python));
    std::vector<std::string> words{job, concat("--batch=", batch), concat("--threads=", threads),
                                   concat("--side=", options.side),
                                   concat("--seconds=", options.seconds)};
    if (!network.empty()) words.push_back("--network=" + network);
    if (!folder.empty()) words.push_back("--folder=" + folder);
    return run_peer(python, kClassifyTorchvision, words, key, best_core_type());
  }
};

Json rates(const CallTimes& times, int batch, double operations, double peak) {
  const double rate = batch / times.median(), gflops = rate * operations * 1e-9;
  return {{"ms", times.median() * 1e3},
          {"best_ms", times.best() * 1e3},
          {"images_per_second", rate},
          {"gflops", gflops},
          {"share_of_peak", gflops / peak}};
}

void add_inference(const ClassifyOptions& options, const Peer& peer, const std::string& name,
                   Json& rows) {
  nn::Backbone network(name);
  network->eval();
  std::vector<ops::PrecisionChoice> precisions = {ops::PrecisionChoice::kFp32};
  if (ops::has_bf16(ops::Products::kLibTorch)) precisions.push_back(ops::PrecisionChoice::kBf16);
  for (const int batch : {1, options.batch}) {
    const auto images = torch::rand({batch, 3, options.side, options.side});
    for (const int threads : counts_up_to(options.threads)) {
      torch::set_num_threads(threads);
      std::vector<nn::FusedGraph> graphs;
      for (const auto precision : precisions)
        graphs.push_back(nn::fused_classifier(*network, precision));
      std::vector<CallTimes> times;
      for (const auto& graph : graphs)
        times.emplace_back([&graph, &images] { (void)graph.run(images); });
      for (auto& one : times) one.measure(options.seconds / 2);
      Json answer;
      if (!peer.python.empty()) answer = peer.run("inference", name, batch, threads, "peer_ms");
      for (auto& one : times) one.measure(options.seconds / 2);
      for (std::size_t i = 0; i < graphs.size(); ++i) {
        const bool is_bf16 = graphs[i].precision() == ops::Precision::kBf16;
        Json row = {{"what", "inference"},
                    {"network", name},
                    {"precision", name_of(graphs[i].precision())},
                    {"threads", threads},
                    {"batch", batch}};
        row.update(rates(times[i], batch, graphs[i].operations(options.side, options.side),
                         peak_gflops(threads, is_bf16)));
        if (!answer.is_null()) add_peer(row, answer);
        rows.push_back(std::move(row));
      }
    }
  }
}

/// Random images in memory.
class ImagesInMemory : public data::Dataset {
 public:
  explicit ImagesInMemory(int side) : images_(torch::rand({64, 3, side, side})), side_(side) {}
  std::int64_t size() const override { return images_.size(0); }
  data::Example get(std::int64_t index, const Key& /*key*/) const override {
    return {{"image", images_[index]}, {"label", torch::tensor(index)}};
  }
  data::Columns columns() const override { return data::image_and_label({3, side_, side_}); }

 private:
  Tensor images_;
  std::int64_t side_;
};

/// Training of all weights of a backbone.
class StepTask : public train::Task {
 public:
  StepTask(std::string network, int side) : network_(std::move(network)), images_(side) {}
  std::shared_ptr<torch::nn::Module> make_network() const override {
    return nn::Backbone(network_).ptr();
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override {
    data::Batch outputs;
    outputs.set("logits", dynamic_cast<nn::BackboneImpl&>(network).forward(batch["image"], &key));
    return outputs;
  }
  train::Loss loss(const data::Batch& outputs, const data::Batch& batch,
                   const Key& /*key*/) const override {
    return train::classification_loss(outputs["logits"], batch["label"]);
  }
  std::unique_ptr<train::Evaluator> make_evaluator() const override {
    return std::make_unique<train::ClassificationEvaluator>(std::vector<std::string>(1000));
  }
  const data::Dataset& train_set() const override { return images_; }
  const data::Dataset& validation_set() const override { return images_; }
  const data::Dataset& test_set() const override { return images_; }

 private:
  std::string network_;
  ImagesInMemory images_;
};

train::SupervisedOptions training_options(int batch, int workers, int loaders) {
  train::SupervisedOptions options;
  options.steps = options.eval_steps = 1'000'000'000'000;  // no evaluation
  options.optimizer = train::OptimizerKind::kSgd;
  options.lr = 1e-3;
  options.batch = batch;
  options.threads = workers;
  options.loaders = loaders;
  return options;
}

/// Share of the updates' time spent waiting for data.
double share_of_waiting(train::Supervised& learner, double seconds) {
  learner.update();  // always waits for the first batch
  const auto start = WallClock::now();
  const double waited = learner.waited_seconds();
  for (int steps = 0; steps < 2 || seconds_since(start) < seconds; ++steps) learner.update();
  return (learner.waited_seconds() - waited) / seconds_since(start);
}

void add_training(const ClassifyOptions& options, const Peer& peer, const std::string& name,
                  Json& rows) {
  const StepTask task(name, options.side);
  nn::Backbone network(name);
  const auto side = options.side;
  // Forward, gradients of weights, gradients of inputs; none of the images.
  const double operations = 3 * nn::fused_classifier(*network).operations(side, side) -
                            nn::FusedGraph(*network, {{1}}).operations(side, side);
  for (const int threads : counts_up_to(options.threads)) {
    train::Supervised learner(task, training_options(options.train_batch, threads, 1), Key{1});
    CallTimes times([&] { learner.update(); });
    times.measure(options.seconds / 2);
    Json answer;
    if (!peer.python.empty())
      answer = peer.run("training", name, options.train_batch, threads, "peer_ms");
    times.measure(options.seconds / 2);
    Json row = {{"what", "training"},
                {"network", name},
                {"precision", "fp32"},
                {"threads", threads},
                {"batch", options.train_batch}};
    row.update(rates(times, options.train_batch, operations, peak_gflops(threads, false)));
    row["waiting"] = share_of_waiting(learner, options.seconds / 2);
    if (!answer.is_null()) add_peer(row, answer);
    rows.push_back(std::move(row));
  }
}

void add_loading(const ClassifyOptions& options, const Peer& peer, Json& rows) {
  const TemporaryFolder folder;
  const auto pictures = folder.path / "pictures";
  data::make_scene_files(pictures, {.train = options.pictures,
                                    .validation = 12,
                                    .test = 12,
                                    .scene = {.width = 320, .height = 240},
                                    .threads = options.threads});
  classify::TransferConfig config;
  config.backbone = options.networks.back();
  config.data.dir = pictures.string();
  const auto cut = concat("crop=", options.side, 'x', options.side);
  config.data.views.train =
      config.data.views.eval = {concat("resize_short=", options.side * 8 / 7), cut};
  const classify::TransferTask task(config);
  for (const int loaders : counts_up_to(options.threads)) {
    const int batch = std::min(options.train_batch, options.pictures);
    data::Loader loader(task.train_set(), {.batch_size = batch, .threads = loaders});
    CallTimes times([&] { (void)loader.next(); });
    const auto measure = [&] {
      for (int i = 0; i < 8; ++i) (void)loader.next();  // already prefetched
      times.measure(options.seconds / 2);
    };
    measure();
    Json answer;
    if (!peer.python.empty())
      answer = peer.run("loading", "", batch, loaders, "peer_images_per_second",
                        (pictures / "train").string());
    measure();
    const double rate = batch / times.median();
    Json row = {
        {"what", "loading"}, {"loaders", loaders}, {"batch", batch}, {"images_per_second", rate}};
    train::Supervised learner(task, training_options(batch, options.threads, loaders), Key{1});
    row["waiting"] = share_of_waiting(learner, options.seconds);
    if (!answer.is_null()) {
      const auto theirs = answer["peer_images_per_second"].get<double>();
      row["peer_images_per_second"] = theirs;
      row["times_peer"] = rate / theirs;
      row["peer"] = answer;
    }
    rows.push_back(std::move(row));
  }

  std::filesystem::path picture;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(pictures))
    if (entry.is_regular_file()) picture = entry.path();
  torch::set_num_threads(1);  // one picture
  const auto start = WallClock::now();
  nn::Backbone network(options.networks.back());
  const auto fused = nn::fused_classifier(*network);
  const auto image =
      data::to_tensor(image::resize(image::read(picture), options.side, options.side));
  (void)fused.run(image.unsqueeze(0));
  rows.push_back({{"what", "first prediction"},
                  {"network", options.networks.back()},
                  {"ms", seconds_since(start) * 1e3}});
}

}  // namespace

Json classify_rows(const ClassifyOptions& options, bool has_peer) {
  keep_freed_memory();  // as clew train does
  CLEW_CHECK(!options.networks.empty(), "networks must name at least one backbone, got none");
  const Peer peer{has_peer ? find_python(options.python, "torchvision") : "", options};
  const int before = torch::get_num_threads();
  torch::manual_seed(1);
  const auto is_wanted = [&](ClassifyJob job) {
    return options.job == ClassifyJob::kAll || options.job == job;
  };
  Json rows = Json::array();
  if (is_wanted(ClassifyJob::kInference))
    for (const auto& name : options.networks) add_inference(options, peer, name, rows);
  if (is_wanted(ClassifyJob::kTraining))
    for (const auto& name : options.networks) add_training(options, peer, name, rows);
  if (is_wanted(ClassifyJob::kLoading)) add_loading(options, peer, rows);
  torch::set_num_threads(before);
  return rows;
}

}  // namespace clew::bench
