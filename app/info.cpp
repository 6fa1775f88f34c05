// SPDX-License-Identifier: Apache-2.0
// clew info: version, build and machine, and advice on slow configurations.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "blas.h"
#include "build_info.h"
#include "clew/core/error.h"
#include "clew/ops/precision.h"
#include "command.h"

namespace clew::app {
namespace {

using Json = nlohmann::ordered_json;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Json libtorch_json() {
  auto& context = at::globalContext();
  std::string parallel;  // back end, from one line of LibTorch's description
  const std::string text = at::get_parallel_info(), mark = "ATen parallel backend: ";
  if (const auto at = text.find(mark); at != std::string::npos) {
    parallel = text.substr(at + mark.size(), text.find('\n', at) - at - mark.size());
  }
  return {{"version", TORCH_VERSION},     {"threads", at::get_num_threads()},
          {"parallel_backend", parallel}, {"has_onednn", context.hasMKLDNN()},
          {"has_mkl", context.hasMKL()},  {"has_cuda", context.hasCUDA()}};
}

/// Problems and remedies, one line each.
std::vector<std::string> advice(const Json& machine, const Json& torch) {
  std::vector<std::string> lines;
  if (!torch["has_onednn"].get<bool>()) {
    lines.emplace_back(
        "LibTorch was built without oneDNN: convolutions will be several times slower");
  }
  const std::string omp = variable("OMP_NUM_THREADS");
  if (omp.empty() && torch["threads"] < machine["usable_cores"]) {
    lines.push_back(
        concat("LibTorch by itself uses ", torch["threads"].get<int>(), " of ",
               machine["usable_cores"].get<int>(),
               " usable cores, as it counts physical ones: clew train sets its threads itself"));
  }
  if (!omp.empty()) {
    lines.push_back(concat("OMP_NUM_THREADS=", omp, " is set and limits LibTorch and BLAS to ", omp,
                           " threads each"));
  }
  if (machine["usable_cores"] < machine["cores"]) {
    lines.push_back(concat("this process may use ", machine["usable_cores"].get<int>(), " of ",
                           machine["cores"].get<int>(), " cores (affinity or container limit)"));
  }
  if (!machine["is_optimised"].get<bool>()) {
    lines.emplace_back("this is a debug build: several times slower; use cmake --preset release");
  }
  return lines;
}

void print_info(bool is_json) {
  const Blas blas = find_blas();
  Json info = {{"version", kVersion},
               {"revision", kRevision},
               {"build_type", kBuildType},
               {"machine", bench::machine_json()},
               {"libtorch", libtorch_json()},
               {"blas",
                {{"name", blas.name},
                 {"library", blas.library},
                 {"threading", blas.threading},
                 {"core", blas.core},
                 {"threads", blas.threads},
                 {"config", blas.config}}}};
  for (const auto products : {ops::Products::kKernels, ops::Products::kLibTorch}) {
    const auto rates = ops::precision_rates(products);
    info["precision"][products == ops::Products::kKernels ? "navigator" : "libtorch"] = {
        {"auto", name_of(ops::resolve_precision(ops::PrecisionChoice::kAuto, products))},
        {"fp32_gflops", rates.fp32},
        {"bf16_gflops", rates.bf16}};
  }
  info["advice"] = advice(info["machine"], info["libtorch"]);
  if (is_json) {
    std::cout << info.dump(2) << '\n';
    return;
  }
  const auto& machine = info["machine"];
  const auto& torch = info["libtorch"];
  const auto text = [](const Json& value) { return value.get<std::string>(); };
  const auto yes = [](const Json& value, const char* name) {
    return concat(value.get<bool>() ? "with " : "without ", name);
  };
  std::cout << "clew      " << kVersion << ", revision " << kRevision << ", " << kBuildType << ", "
            << text(machine["compiler"]) << '\n'
            << "processor " << text(machine["cpu"]) << ", instruction set "
            << text(machine["instruction_set"])
            << (machine["has_bf16_dot"].get<bool>() ? " and bf16 dot products" : "") << '\n'
            << "cores     " << machine["usable_cores"] << " usable of " << machine["cores"] << ", "
            << machine["memory_gib"] << " GiB of memory\n"
            << "system    " << text(machine["system"]) << '\n'
            << "LibTorch  " << text(torch["version"]) << ", " << text(torch["parallel_backend"])
            << " threads: " << torch["threads"] << ", " << yes(torch["has_onednn"], "oneDNN")
            << ", " << yes(torch["has_mkl"], "MKL") << ", " << yes(torch["has_cuda"], "CUDA")
            << '\n'
            << "BLAS      " << blas.name;
  if (!blas.threading.empty()) std::cout << ", " << blas.threading << " threads: " << blas.threads;
  if (!blas.core.empty()) std::cout << ", kernels for " << blas.core;
  if (!blas.library.empty()) std::cout << " (" << blas.library << ')';
  std::cout << '\n';
  const auto precision = [&](const char* name) {
    const auto& of = info["precision"][name];
    std::string line =
        concat(text(of["auto"]), " (fp32 ", std::lround(of["fp32_gflops"].get<double>()));
    if (of["bf16_gflops"] > 0)
      line += concat(", bf16 ", std::lround(of["bf16_gflops"].get<double>()));
    return line + " GFLOP/s of one thread)";
  };
  std::cout << "precision auto is " << precision("navigator") << " for the navigator, "
            << precision("libtorch") << " for networks of LibTorch's layers\n";
  for (const auto& line : info["advice"]) std::cout << "advice    " << text(line) << '\n';
}

}  // namespace

void define_info(CLI::App& command) {
  auto is_json = std::make_shared<bool>(false);
  command.add_flag("--json", *is_json, "print JSON");
  command.callback([is_json] { print_info(*is_json); });
}

}  // namespace clew::app
