// SPDX-License-Identifier: Apache-2.0
#include "segment_bench.h"

#include <torch/nn/modules/conv.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "call_times.h"
#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/nn/backbones/layer_graph.h"
#include "clew/nn/inference/fused_graph.h"
#include "clew/segment/config.h"
#include "clew/segment/fused_segmentation.h"
#include "clew/segment/pixel_evaluator.h"
#include "clew/segment/segment_task.h"
#include "clew/train/supervised.h"
#include "peer.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

constexpr std::int64_t kSegmentClasses = 21;
constexpr int kMapHeight = 60, kMapWidth = 80;          // of dilated convolutions
constexpr int kJudgedHeight = 720, kJudgedWidth = 960;  // of evaluations, pixels
constexpr std::int64_t kJudgedBlock = 40;               // of one class, pixels
constexpr std::array<std::int64_t, 5> kDilations = {1, 2, 4, 8, 16};

std::vector<ops::PrecisionChoice> segment_precisions() {
  std::vector<ops::PrecisionChoice> precisions = {ops::PrecisionChoice::kFp32};
  if (ops::has_bf16(ops::Products::kLibTorch)) precisions.push_back(ops::PrecisionChoice::kBf16);
  return precisions;
}

struct SegmentPeer {
  std::string python;  // empty: none
  const SegmentOptions& options;

  /// Null without a python.
  Json run(const std::string& job, int threads, int height, int width,
           std::vector<std::string> words = {}) const {
    if (python.empty()) return {};
    log(LogLevel::kInfo, concat("running ", job, " of PyTorch with ", python));
    words.insert(words.begin(), {job, concat("--threads=", threads), concat("--height=", height),
                                 concat("--width=", width), concat("--seconds=", options.seconds)});
    return run_peer(python, kSegmentTorchvision, words, "peer_ms", best_core_type());
  }
};

void add_segmentation(const SegmentOptions& options, const SegmentPeer& peer,
                      const std::string& name, std::size_t size, Json& rows) {
  const int height = options.heights[size], width = options.widths[size];
  const auto network = segment::make_network(
      {.network = name, .backbone = "resnet50", .output_stride = 8, .classes = kSegmentClasses});
  network->eval();
  const auto images = torch::rand({1, 3, height, width});
  for (const int threads : counts_up_to(options.threads)) {
    torch::set_num_threads(threads);
    std::vector<segment::FusedSegmentation> fused;
    for (const auto precision : segment_precisions()) fused.emplace_back(network, precision);
    std::vector<CallTimes> times;
    for (const auto& one : fused)
      times.emplace_back([&one, &images] { (void)one.scores(images).logits(); });
    for (auto& one : times) one.measure(options.seconds / 2);
    const auto answer = peer.run("inference", threads, height, width, {"--network=" + name});
    for (auto& one : times) one.measure(options.seconds / 2);
    for (std::size_t i = 0; i < fused.size(); ++i) {
      const double gflops = fused[i].operations(height, width) / times[i].median() * 1e-9;
      Json row = {{"what", "inference"},
                  {"network", name},
                  {"precision", name_of(fused[i].precision())},
                  {"height", height},
                  {"width", width},
                  {"threads", threads},
                  {"ms", times[i].median() * 1e3},
                  {"best_ms", times[i].best() * 1e3},
                  {"gflops", gflops},
                  {"share_of_peak",
                   gflops / peak_gflops(threads, fused[i].precision() == ops::Precision::kBf16)}};
      if (!answer.is_null()) add_peer(row, answer);
      rows.push_back(std::move(row));
    }
  }
}

/// Pictures with masks of random pixels, in memory.
class MasksInMemory : public data::Dataset {
 public:
  MasksInMemory(std::vector<std::string> classes, int height, int width)
      : classes_(std::move(classes)),
        images_(torch::rand({16, 3, height, width})),
        masks_(torch::randint(std::ssize(classes_), {16, height, width}, torch::kUInt8)) {}
  std::int64_t size() const override { return images_.size(0); }
  data::Example get(std::int64_t index, const Key& /*key*/) const override {
    return {{"image", images_[index]}, {"mask", masks_[index]}};
  }
  data::Columns columns() const override { return data::mask_columns(); }
  std::vector<std::string> class_names() const override { return classes_; }

 private:
  std::vector<std::string> classes_;
  torch::Tensor images_, masks_;
};

class SegmentStepTask : public segment::SegmentTask {
 public:
  SegmentStepTask(const segment::SegmentConfig& config, int height, int width)
      : SegmentTask(config), set_(SegmentTask::train_set().class_names(), height, width) {}
  const data::Dataset& train_set() const override { return set_; }
  const data::Dataset& validation_set() const override { return set_; }

 private:
  MasksInMemory set_;
};

void add_segment_training(const SegmentOptions& options, const SegmentPeer& peer, Json& rows) {
  segment::SegmentConfig config;  // FCN-8s on MobileNetV2
  config.data.scenes = 12;
  const int height = options.train_height, width = options.train_width;
  const SegmentStepTask task(config, height, width);
  const auto classes = task.train_set().class_names().size();
  for (const int threads : counts_up_to(options.threads)) {
    auto training = config.train;
    training.steps = training.eval_steps = 1'000'000'000'000;  // no evaluation
    training.lr = 1e-5;
    training.batch = options.batch;
    training.workers = std::min(options.batch, threads);
    training.threads = threads / training.workers;
    train::Supervised learner(task, training, Key{1});
    CallTimes times([&] { learner.update(); });
    times.measure(options.seconds / 2);
    const auto answer =
        peer.run("training", threads, height, width,
                 {concat("--batch=", options.batch), concat("--classes=", classes)});
    times.measure(options.seconds / 2);
    Json row = {{"what", "training"},
                {"network", concat(config.network, " ", config.backbone)},
                {"precision", "fp32"},
                {"height", height},
                {"width", width},
                {"threads", threads},
                {"batch", options.batch},
                {"ms", times.median() * 1e3},
                {"best_ms", times.best() * 1e3}};
    if (!answer.is_null()) add_peer(row, answer);
    rows.push_back(std::move(row));
  }
}

/// A convolution of 1x1, which gives the map its channels, and one of 3x3.
struct DilatedGraph : nn::LayerGraph {
  nn::LayerId last;

  DilatedGraph(std::int64_t channels, std::int64_t dilation) {
    const auto x = convolution("first", input(), {.out = channels});
    last = convolution(
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(channels, channels, 3).padding(dilation).dilation(dilation))
            .ptr(),
        "second", x);
  }
};

void add_dilations(const SegmentOptions& options, const SegmentPeer& peer, Json& rows) {
  const auto images = torch::rand({1, 3, kMapHeight, kMapWidth});
  for (const int threads : counts_up_to(options.threads)) {
    torch::set_num_threads(threads);
    for (const auto precision : segment_precisions()) {
      double undilated = 0;
      for (const auto dilation : kDilations) {
        const DilatedGraph graph(options.channels, dilation);
        const nn::FusedGraph fused(graph, {graph.last}, {.precision = precision});
        CallTimes times([&] { (void)fused.run(images); });
        times.measure(options.seconds / 2);
        const auto answer =
            peer.run("dilation", threads, kMapHeight, kMapWidth,
                     {concat("--dilation=", dilation), concat("--channels=", options.channels)});
        times.measure(options.seconds / 2);
        const double gflops = fused.operations(kMapHeight, kMapWidth) / times.median() * 1e-9;
        if (dilation == 1) undilated = gflops;
        Json row = {{"what", "dilation"},
                    {"dilation", dilation},
                    {"precision", name_of(fused.precision())},
                    {"threads", threads},
                    {"ms", times.median() * 1e3},
                    {"best_ms", times.best() * 1e3},
                    {"gflops", gflops},
                    {"times_undilated", gflops / undilated}};
        if (!answer.is_null()) add_peer(row, answer);
        rows.push_back(std::move(row));
      }
    }
  }
}

/// Blocks of random classes [kJudgedHeight,kJudgedWidth] u8.
torch::Tensor blocks() {
  const auto coarse = torch::randint(
      kSegmentClasses, {kJudgedHeight / kJudgedBlock, kJudgedWidth / kJudgedBlock}, torch::kUInt8);
  return coarse.repeat_interleave(kJudgedBlock, 0).repeat_interleave(kJudgedBlock, 1).contiguous();
}

void add_evaluations(const SegmentOptions& options, const SegmentPeer& peer, Json& rows) {
  const auto truth = blocks();
  const auto found = torch::where(torch::rand(truth.sizes()) < 0.05, blocks(), truth).contiguous();
  const auto map_of = [](const torch::Tensor& map) {
    return segment::ClassMap{
        .pixels = {map.data_ptr<std::uint8_t>(), static_cast<std::size_t>(map.numel())},
        .height = map.size(0),
        .width = map.size(1)};
  };
  segment::Confusion confusion(kSegmentClasses);
  segment::PixelEvaluator evaluator(
      std::vector<std::string>(static_cast<std::size_t>(kSegmentClasses), "thing"));
  std::int64_t pictures = 0;
  std::vector<CallTimes> times;
  times.emplace_back([&] { (void)confusion.add(map_of(truth).pixels, map_of(found).pixels); });
  times.emplace_back([&] { evaluator.add_picture(pictures++, map_of(truth), map_of(found)); });
  for (auto& one : times) one.measure(options.seconds / 2);
  const auto answer = peer.run("evaluation", 1, kJudgedHeight, kJudgedWidth,
                               {concat("--classes=", kSegmentClasses)});
  for (auto& one : times) one.measure(options.seconds / 2);
  for (std::size_t i = 0; i < times.size(); ++i) {
    Json row = {
        {"what", "evaluation"},
        {"measures", i == 0 ? "confusion" : "all"},
        {"threads", 1},
        {"ms", times[i].median() * 1e3},
        {"best_ms", times[i].best() * 1e3},
        {"mpixel_per_second", static_cast<double>(truth.numel()) / times[i].median() * 1e-6}};
    if (!answer.is_null()) add_peer(row, answer);
    rows.push_back(std::move(row));
  }
}

}  // namespace

Json segment_rows(const SegmentOptions& options, bool has_peer) {
  if (options.heights.size() != options.widths.size())
    throw UsageError(concat("widths must be as many as heights, ", options.heights.size(), ", got ",
                            options.widths.size()));
  keep_freed_memory();  // as clew train does
  const SegmentPeer peer{has_peer ? find_python(options.python, "torchvision") : "", options};
  const int before = torch::get_num_threads();
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  Json rows = Json::array();
  const auto is_wanted = [&](SegmentJob job) {
    return options.job == SegmentJob::kAll || options.job == job;
  };
  if (is_wanted(SegmentJob::kInference))
    for (const auto& name : options.networks)
      for (std::size_t i = 0; i < options.heights.size(); ++i)
        add_segmentation(options, peer, name, i, rows);
  if (is_wanted(SegmentJob::kTraining)) {
    const torch::AutoGradMode with_grad(true);
    add_segment_training(options, peer, rows);
  }
  if (is_wanted(SegmentJob::kDilation)) add_dilations(options, peer, rows);
  if (is_wanted(SegmentJob::kEvaluation)) add_evaluations(options, peer, rows);
  torch::set_num_threads(before);
  return rows;
}

}  // namespace clew::bench
