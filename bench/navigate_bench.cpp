// SPDX-License-Identifier: Apache-2.0
#include "navigate_bench.h"

#include <memory>
#include <string>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/trainer.h"
#include "clew/ops/precision.h"
#include "peer.h"
#include "peer_files.h"
#include "training_rate.h"

namespace clew::bench {

double operations_of_step(const navigate::AgentOptions& options) {
  const navigate::Agent agent(options, Key{1});
  double forward = 0, image_gradient = 0;
  std::int64_t height = options.height, width = options.width;
  for (const auto& parameter : agent->named_parameters()) {
    const auto& weight = parameter.value();
    if (weight.dim() == 2) forward += 2.0 * static_cast<double>(weight.numel());
    if (weight.dim() != 4) continue;
    // Convolutions in forward order, without padding, stride half the kernel.
    const std::int64_t kernel = weight.size(2), stride = kernel / 2;
    height = (height - kernel) / stride + 1;
    width = (width - kernel) / stride + 1;
    const double operations = 2.0 * static_cast<double>(weight.numel() * height * width);
    if (image_gradient == 0) image_gradient = operations;
    forward += operations;
  }
  return 3 * forward - image_gradient;
}

Json navigate_rows(const NavigateOptions& options, bool has_peer) {
  keep_freed_memory();  // as clew train does
  constexpr int kChunks = 10, kWarmUp = 5;
  constexpr const char* kPeerRate = "peer_agent_steps_per_second";
  const auto& config = options.config;
  const std::string python = has_peer ? find_python(options.python) : "";
  const auto agent = navigate::agent_options(config);
  navigate::Trainer trainer(config,
                            std::make_shared<const maze::Level>(maze::load_level(config.level)));
  const bool is_bf16 =
      agent.precision == ops::Precision::kBf16 && ops::has_bf16(ops::Products::kKernels);
  TrainingRate rate([&] { trainer.update(); }, [&] { return trainer.steps(); },
                    [&] { return peak_gflops(config.train.workers, is_bf16); });
  rate.warm_up(kWarmUp);
  rate.measure(kChunks / 2, options.seconds / kChunks);
  Json peer;
  if (has_peer) {
    log(LogLevel::kInfo, "running the same job in plain PyTorch with " + python);
    peer = run_peer(python, kNavPyTorch, {}, kPeerRate, best_core_type());
    if (!best_core_type().empty()) {
      log(LogLevel::kInfo, "again with the kernels that its BLAS chooses");
      peer["with_chosen_kernels"] = run_peer(python, kNavPyTorch, {}, kPeerRate)[kPeerRate];
    }
  }
  rate.measure(kChunks - kChunks / 2, options.seconds / kChunks);

  const double gflop_of_step = operations_of_step(agent) * 1e-9;
  Json row = {{"level", config.level},
              {"agent", config.agent},
              {"precision", is_bf16 ? "bf16" : "fp32"},
              {"workers", config.train.workers},
              {"worlds", config.train.worlds},
              {"unroll", config.train.unroll},
              {"agent_steps_per_second", rate.median()},
              {"slowest", rate.slowest()},
              {"fastest", rate.fastest()},
              {"frames_per_second", rate.median() * config.action_repeat},
              {"gflops", rate.median() * gflop_of_step},
              {"peak_gflops", rate.median_peak()},
              {"share_of_peak", rate.median_over_peak() * gflop_of_step}};
  if (has_peer) {
    const auto peer_rate = peer[kPeerRate].get<double>();
    row[kPeerRate] = peer_rate;
    row["times_peer"] = rate.median() / peer_rate;
    if (peer.contains("with_chosen_kernels"))
      row["times_peer_with_chosen_kernels"] =
          rate.median() / peer["with_chosen_kernels"].get<double>();
    row["peer"] = peer;
  }
  return Json::array({row});
}

}  // namespace clew::bench
