// SPDX-License-Identifier: Apache-2.0
#include "navigate_bench.h"

#include <stdlib.h>  // mkdtemp

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/maze/level_text.h"
#include "clew/navigate/trainer.h"
#include "clew/ops/precision.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Adds the rates of `chunks` chunks, each at least `seconds` long.
void measure(navigate::Trainer& trainer, int chunks, double seconds, std::vector<double>& rates) {
  for (int i = 0; i < chunks; ++i) {
    const auto start = Clock::now();
    const auto before = trainer.steps();
    do {
      trainer.update();
    } while (seconds_since(start) < seconds);
    rates.push_back(static_cast<double>(trainer.steps() - before) / seconds_since(start));
  }
}

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

/// stdout of a command of the shell.
std::string output_of(const std::string& command, bool& is_good) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  CLEW_CHECK(pipe != nullptr, "cannot start a process for the peer");
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof(buffer), pipe))
    out.append(buffer, got);
  is_good = ::pclose(pipe) == 0;
  return out;
}

/// A folder that goes away.
struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "clew-peer-XXXXXX").string();
    CLEW_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a folder in ",
               std::filesystem::temp_directory_path().string());
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

/// A python that can import torch: the one asked for, else the first of the path and the system's.
std::string find_python(const std::string& wanted) {
  std::vector<std::string> candidates = {"python3", "/usr/bin/python3"};
  if (!wanted.empty()) candidates = {wanted};
  for (const auto& python : candidates) {
    bool is_good = false;
    output_of(quoted(python) + " -c 'import torch' 2>/dev/null", is_good);
    if (is_good) return python;
  }
  throw Error(concat("--peer needs PyTorch (Debian: apt install python3-torch), but ",
                     candidates[0], " cannot import torch"));
}

Json run_peer(const std::string& python) {
  const Folder folder;
  const auto script = folder.path / "nav_pytorch.py";
  write_file_atomic(script, kNavPyTorch);
  bool is_good = false;
  const std::string out = output_of(quoted(python) + ' ' + quoted(script.string()), is_good);
  const Json answer = Json::parse(out, nullptr, false);
  CLEW_CHECK(is_good && answer.is_object() && answer.contains("peer_agent_steps_per_second"),
             "the peer ended with an error; what it said stands above");
  return answer;
}

double peak_gflops(int threads, bool is_bf16) {
  double peak = 0;
  for (const auto& row : peak_rows({.threads = threads, .seconds = 0.3, .copy_mib = 1})) {
    if (row["what"] == (is_bf16 ? "bf16" : "fp32")) peak = row["gflops"].get<double>();
  }
  return peak;
}

}  // namespace

double operations_of_step(const navigate::AgentOptions& options) {
  const navigate::Agent agent(options, Key{1});
  double forward = 0, image_gradient = 0;
  std::int64_t height = options.height, width = options.width;
  for (const auto& parameter : agent->named_parameters()) {
    const auto& weight = parameter.value();
    if (weight.dim() == 2) forward += 2.0 * static_cast<double>(weight.numel());
    if (weight.dim() != 4) continue;
    // A convolution, in the order of the network, without padding, its stride half its kernel.
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
  const auto& config = options.config;
  const std::string python = has_peer ? find_python(options.python) : "";
  const auto agent = navigate::agent_options(config);
  navigate::Trainer trainer(config,
                            std::make_shared<const maze::Level>(maze::load_level(config.level)));
  for (int i = 0; i < kWarmUp; ++i) trainer.update();

  std::vector<double> rates;
  measure(trainer, kChunks / 2, options.seconds / kChunks, rates);
  Json peer;
  if (has_peer) {
    log(LogLevel::kInfo, "running the same job in plain PyTorch with " + python);
    peer = run_peer(python);
  }
  measure(trainer, kChunks - kChunks / 2, options.seconds / kChunks, rates);
  std::ranges::sort(rates);
  const double rate = (rates[kChunks / 2 - 1] + rates[kChunks / 2]) / 2;

  const bool is_bf16 = agent.precision == ops::Precision::kBf16 && ops::has_bf16();
  const double gflops = rate * operations_of_step(agent) * 1e-9;
  const double peak = peak_gflops(config.train.workers, is_bf16);
  Json row = {{"level", config.level},
              {"agent", config.agent},
              {"precision", is_bf16 ? "bf16" : "fp32"},
              {"workers", config.train.workers},
              {"worlds", config.train.worlds},
              {"unroll", config.train.unroll},
              {"agent_steps_per_second", rate},
              {"slowest", rates.front()},
              {"fastest", rates.back()},
              {"frames_per_second", rate * config.action_repeat},
              {"gflops", gflops},
              {"peak_gflops", peak},
              {"share_of_peak", gflops / peak}};
  if (has_peer) {
    const auto peer_rate = peer["peer_agent_steps_per_second"].get<double>();
    row["peer_agent_steps_per_second"] = peer_rate;
    row["times_peer"] = rate / peer_rate;
    row["peer"] = peer;
  }
  return Json::array({row});
}

}  // namespace clew::bench
