// SPDX-License-Identifier: Apache-2.0
#include "digits_bench.h"

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>
#include <torch/types.h>

#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/ops/precision.h"
#include "clew/train/supervised.h"
#include "clew/warp/digit_task.h"
#include "peer.h"
#include "peer_files.h"
#include "training_rate.h"

namespace clew::bench {
namespace {

bool is_bf16(const warp::WarpConfig& config) {
  return ops::resolve_precision(config.train.precision, ops::Products::kLibTorch) ==
         ops::PrecisionChoice::kBf16;
}

/// Multiply-adds of a forward pass through a stack of layers, and of its first product.
struct Products {
  double all = 0, first = 0;
  void add(double count) {
    if (all == 0) first = count;
    all += count;
  }
};

Products products_of(const torch::nn::Module& stack, std::int64_t side) {
  Products sum;
  for (const auto& layer : stack.children()) {
    if (const auto* conv = layer->as<torch::nn::Conv2dImpl>()) {
      side = side - conv->weight.size(2) + 1;
      sum.add(static_cast<double>(conv->weight.numel() * side * side));
    } else if (const auto* linear = layer->as<torch::nn::LinearImpl>()) {
      sum.add(static_cast<double>(linear->weight.numel()));
    } else if (layer->as<torch::nn::MaxPool2dImpl>() != nullptr ||
               layer->as<torch::nn::AvgPool2dImpl>() != nullptr) {
      side /= 2;
    }
  }
  return sum;
}

/// The faster of two runs, with as many processes, or threads, as workers.
Json best_peer(const std::string& python, const warp::WarpConfig& config, std::int64_t width,
               const warp::DigitShape& shape, double seconds) {
  const auto& net = config.network;
  std::vector<std::string> words{concat("--batch=", config.train.batch),
                                 concat("--body=", name_of(net.body)),
                                 concat("--width=", width),
                                 concat("--transformers=", net.transform ? net.transformers : 0),
                                 concat("--localiser=", name_of(net.localiser)),
                                 concat("--warp-size=", net.warp_size),
                                 concat("--pool=", net.pool),
                                 concat("--channels=", shape.channels),
                                 concat("--side=", shape.side),
                                 concat("--classes=", shape.classes),
                                 concat("--seconds=", seconds)};
  if (is_bf16(config)) words.emplace_back("--bf16");
  Json best;
  constexpr const char* kRate = "peer_examples_per_second";
  for (const bool has_processes : {true, false}) {
    auto all = words;
    all.push_back(concat("--processes=", has_processes ? config.train.workers : 1));
    all.push_back(concat("--threads=", has_processes ? 1 : config.train.workers));
    const Json one = run_peer(python, kDigitsPyTorch, all, kRate, best_core_type());
    if (best.is_null() || one[kRate] > best[kRate]) best = one;
  }
  return best;
}

}  // namespace

warp::WarpConfig DigitsBenchOptions::rts_config() {
  warp::WarpConfig config;
  config.data.kind = data::DigitsKind::kRts;
  config.network.warp_size = 56;
  config.network.pool = 2;
  config.train.precision = ops::PrecisionChoice::kAuto;
  config.train.lr = 2e-3;
  config.train.ema = 0.999;
  return config;
}

double operations_of_example(const warp::NetworkConfig& config, const warp::DigitShape& shape) {
  const warp::DigitNetwork network(config, shape);
  double forward = 0, image_gradients = 0;
  std::int64_t seen = shape.side;
  for (const auto& transformer : network->transformers()) {
    const auto parts = transformer->named_modules();
    const auto net = products_of(*parts["localiser.net"], shape.side);
    forward += net.all;
    forward +=
        static_cast<double>(parts["localiser.last"]->as<torch::nn::Linear>()->weight.numel());
    image_gradients += net.first;
    seen = (config.warp_size > 0 ? config.warp_size : shape.side) / config.pool;
  }
  const auto body = products_of(*network->named_modules()["body"], seen);
  forward += body.all;
  if (network->transformers().empty()) image_gradients = body.first;
  return 2 * (3 * forward - image_gradients);
}

Json digits_rows(const DigitsBenchOptions& options, bool has_peer) {
  keep_freed_memory();  // as clew train does
  constexpr int kChunks = 10, kWarmUp = 5;
  warp::WarpConfig config = options.config;
  config.train.steps = config.train.eval_steps = 1'000'000'000'000;  // no evaluation
  const auto& net = config.network;
  const bool is_plain = !net.transform;
  const std::string python = has_peer ? find_python(options.python) : "";
  if (has_peer && !is_plain && net.transform != warp::TransformKind::kAffine)
    throw UsageError(concat("--peer knows network.transform = none and affine, got '",
                            name_of(*net.transform), "'"));

  const warp::DigitTask task(config);
  train::check_training(task, config.train);
  train::Supervised learner(task, config.train, fold_in(Key{config.seed}, 0));
  TrainingRate rate([&] { learner.update(); }, [&] { return config.train.batch * learner.steps(); },
                    [&] { return peak_gflops(config.train.workers, is_bf16(config)); });
  rate.warm_up(kWarmUp);
  const auto& network = dynamic_cast<warp::DigitNetworkImpl&>(learner.network());

  rate.measure(kChunks / 2, options.seconds / kChunks);
  Json peer;
  if (has_peer) {
    log(LogLevel::kInfo, "running the same job in plain PyTorch with " + python);
    peer = best_peer(python, config, network.width(), task.shape(), options.seconds);
    CLEW_CHECK(peer.value("parameters", std::int64_t{0}) == nn::parameter_total(network),
               "the peer's network must have ", nn::parameter_total(network), " parameters, got ",
               peer.value("parameters", std::int64_t{0}));
  }
  rate.measure(kChunks / 2, options.seconds / kChunks);

  const double gflop_of_example = operations_of_example(net, task.shape()) * 1e-9;
  Json row = {
      {"digits", name_of(config.data.kind)},
      {"network", concat(is_plain ? "" : "ST-", net.body == warp::BodyKind::kCnn ? "CNN" : "FCN")},
      {"transform", is_plain ? "none" : name_of(*net.transform)},
      {"parameters", nn::parameter_total(network)},
      {"precision", is_bf16(config) ? "bf16" : "fp32"},
      {"workers", config.train.workers},
      {"batch", config.train.batch},
      {"examples_per_second", rate.median()},
      {"slowest", rate.slowest()},
      {"fastest", rate.fastest()},
      {"steps_per_second", rate.median() / config.train.batch},
      {"gflops", rate.median() * gflop_of_example},
      {"peak_gflops", rate.median_peak()},
      {"share_of_peak", rate.median_over_peak() * gflop_of_example}};
  if (has_peer) {
    const auto peer_rate = peer["peer_examples_per_second"].get<double>();
    row["peer_examples_per_second"] = peer_rate;
    row["times_peer"] = rate.median() / peer_rate;
    row["peer"] = peer;
  }
  return Json::array({row});
}

}  // namespace clew::bench
