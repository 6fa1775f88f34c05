// SPDX-License-Identifier: Apache-2.0
#include "detect_bench.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "call_times.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/detect/config.h"
#include "clew/detect/detect_task.h"
#include "clew/detect/one_box.h"
#include "clew/detect/windows.h"
#include "clew/train/supervised.h"
#include "peer.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

/// Largest resident memory of this process so far, MiB.
double peak_mib() {
  const auto text = read_text("/proc/self/status", 1 << 16);
  const auto at = text.find("VmHWM:");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + 6)) / 1024;
}

bool is_small(const std::string& network) {
  return detect::detector_options(network).short_side == 320;
}

struct DetectPeer {
  std::string python;  // empty: none
  const DetectOptions& options;

  Json run(const std::string& job, const std::string& network, int threads, int batch, int height,
           int width) const {
    if (python.empty()) return {};
    log(LogLevel::kInfo, concat("running ", job, " of torchvision's ", network, " with ", python));
    return run_peer(python, kDetectTorchvision,
                    {job, "--network=" + network, concat("--threads=", threads),
                     concat("--batch=", batch), concat("--height=", height),
                     concat("--width=", width), concat("--seconds=", options.seconds)},
                    "peer_ms", best_core_type());
  }
};

void add_detect_peer(Json& row, const Json& answer) {
  if (answer.is_null()) return;
  add_peer(row, answer);
  row["peer_mib"] = answer["peer_mib"];
}

void add_detections(const DetectOptions& options, const DetectPeer& peer, const std::string& name,
                    Json& rows) {
  detect::FasterRcnn network(name, detect::detector_options(name));
  network->eval();
  const std::vector<torch::Tensor> images = {torch::rand({3, options.height, options.width})};
  std::vector<ops::PrecisionChoice> precisions = {ops::PrecisionChoice::kFp32};
  if (ops::has_bf16(ops::Products::kLibTorch)) precisions.push_back(ops::PrecisionChoice::kBf16);
  for (const int threads : counts_up_to(options.threads)) {
    torch::set_num_threads(threads);
    std::vector<detect::FusedDetector> detectors;
    for (const auto precision : precisions) detectors.emplace_back(network, precision);
    std::vector<CallTimes> times;
    for (const auto& detector : detectors)
      times.emplace_back([&detector, &images] { (void)detector.detect(images); });
    for (auto& one : times) one.measure(options.seconds / 2);
    const double memory = peak_mib();
    const auto answer = peer.run("inference", name, threads, 1, options.height, options.width);
    for (auto& one : times) one.measure(options.seconds / 2);
    for (std::size_t i = 0; i < detectors.size(); ++i) {
      const bool is_bf16 = precisions[i] == ops::PrecisionChoice::kBf16;
      const double gflops =
          detectors[i].operations(options.height, options.width) / times[i].median() * 1e-9;
      Json row = {{"what", "inference"},
                  {"network", name},
                  {"precision", is_bf16 ? "bf16" : "fp32"},
                  {"threads", threads},
                  {"batch", 1},
                  {"ms", times[i].median() * 1e3},
                  {"best_ms", times[i].best() * 1e3},
                  {"dense_gflops", gflops},
                  {"share_of_peak", gflops / peak_gflops(threads, is_bf16)},
                  {"peak_mib", memory}};
      add_detect_peer(row, answer);
      rows.push_back(std::move(row));
    }
  }
}

/// Pictures in memory, each with ten objects of one class.
class BoxesInMemory : public data::Dataset {
 public:
  BoxesInMemory(int height, int width) : images_(torch::rand({16, 3, height, width})) {
    const auto corner = torch::rand({16, 10, 2}) * 0.6,
               side = torch::rand({16, 10, 2}) * 0.3 + 0.05;
    const auto size = torch::tensor({static_cast<float>(width), static_cast<float>(height)});
    boxes_ = torch::cat({corner * size, (corner + side) * size}, 2);
  }
  std::int64_t size() const override { return images_.size(0); }
  data::Example get(std::int64_t index, const Key& /*key*/) const override {
    return {{"image", images_[index]},
            {"boxes", boxes_[index]},
            {"labels", torch::zeros({10}, torch::kInt64)},
            {"areas", torch::ones({10})},
            {"crowd", torch::zeros({10}, torch::kBool)},
            {"difficult", torch::zeros({10}, torch::kBool)}};
  }
  data::Columns columns() const override { return data::box_columns(false); }
  std::vector<std::string> class_names() const override { return {"thing"}; }

 private:
  torch::Tensor images_, boxes_;
};

class DetectStepTask : public detect::DetectTask {
 public:
  DetectStepTask(const detect::DetectConfig& config, int height, int width)
      : DetectTask(config), set_(height, width) {}
  const data::Dataset& train_set() const override { return set_; }
  const data::Dataset& validation_set() const override { return set_; }

 private:
  BoxesInMemory set_;
};

void add_detect_training(const DetectOptions& options, const DetectPeer& peer,
                         const std::string& name, Json& rows) {
  const int batch = is_small(name) ? 4 : 1, height = is_small(name) ? 320 : options.height,
            width = is_small(name) ? 320 : options.width;
  detect::DetectConfig config;
  config.network = name;
  config.frozen_stride = 0;
  config.data.scenes = 12;
  config.data.scene_classes = {"ball"};
  const DetectStepTask task(config, height, width);
  for (const int threads : counts_up_to(options.threads)) {
    train::SupervisedOptions training = config.train;
    training.steps = training.eval_steps = 1'000'000'000'000;  // no evaluation
    training.lr = 1e-5;
    training.batch = batch;
    training.workers = std::min(batch, threads);
    training.threads = threads / training.workers;
    train::Supervised learner(task, training, Key{1});
    CallTimes times([&] { learner.update(); });
    times.measure(options.seconds / 2);
    const double memory = peak_mib();
    const auto answer = peer.run("training", name, threads, batch, height, width);
    times.measure(options.seconds / 2);
    Json row = {{"what", "training"},
                {"network", name},
                {"precision", "fp32"},
                {"threads", threads},
                {"batch", batch},
                {"ms", times.median() * 1e3},
                {"best_ms", times.best() * 1e3},
                {"peak_mib", memory}};
    add_detect_peer(row, answer);
    rows.push_back(std::move(row));
  }
}

/// Settings of the recipe detect/scenes with a network, and a score that random weights do not reach.
detect::DetectConfig approach_config(const std::string& network, bool is_one_by_one) {
  detect::DetectConfig config;
  config.network = network;
  config.data.classes.assign(12, "thing");
  config.regions.short_side = 128;
  config.regions.long_side = 256;
  if (network != detect::kWindowsName) config.regions.anchor_sizes = {24, 48, 80, 112};
  config.regions.one_by_one = is_one_by_one;
  config.regions.least_score = 0.5;
  return config;
}

void add_approaches(const DetectOptions& options, Json& rows) {
  struct Approach {
    std::string network;
    bool is_one_by_one = false;
  };
  const std::vector<torch::Tensor> images = {torch::rand({3, 128, 128})};
  for (const auto& [network, is_one_by_one] :
       {Approach{detect::kOneBoxName}, Approach{detect::kWindowsName, true},
        Approach{detect::kWindowsName}, Approach{"mobilenet_v2_fpn"}}) {
    const auto detector = detect::make_detector(approach_config(network, is_one_by_one));
    detector->eval();
    const auto detect_all = detect::fastest_detect(detector);
    for (const int threads : counts_up_to(options.threads)) {
      torch::set_num_threads(threads);
      CallTimes times([&] { (void)detect_all(images); });
      times.measure(options.seconds);
      rows.push_back({{"what", "approach"},
                      {"network", network},
                      {"one_by_one", is_one_by_one},
                      {"precision", "fp32"},
                      {"threads", threads},
                      {"batch", 1},
                      {"ms", times.median() * 1e3},
                      {"best_ms", times.best() * 1e3}});
    }
  }
}

}  // namespace

Json detect_rows(const DetectOptions& options, bool has_peer) {
  keep_freed_memory();  // as clew train does
  const DetectPeer peer{has_peer && options.job != DetectJob::kApproaches
                            ? find_python(options.python, "torchvision")
                            : "",
                        options};
  const int before = torch::get_num_threads();
  torch::manual_seed(1);
  Json rows = Json::array();
  const auto is_wanted = [&](DetectJob job) {
    return options.job == DetectJob::kAll || options.job == job;
  };
  if (is_wanted(DetectJob::kInference))
    for (const auto& name : options.networks) add_detections(options, peer, name, rows);
  if (is_wanted(DetectJob::kTraining))
    for (const auto& name : options.trained) add_detect_training(options, peer, name, rows);
  if (is_wanted(DetectJob::kApproaches)) add_approaches(options, rows);
  torch::set_num_threads(before);
  return rows;
}

}  // namespace clew::bench
