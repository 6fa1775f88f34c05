// SPDX-License-Identifier: Apache-2.0
// clew info: version, build and machine, and advice on slow configurations; clew info RECIPE: layers of its network.
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
#include "clew/core/text.h"
#include "clew/ops/precision.h"
#include "command.h"
#include "recipes.h"
#include "settings.h"
#include "systems.h"

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

/// Layers of a recipe's network, a row each, with strides and receptive fields in pixels of the picture.
void print_layers(const std::string& name, const SettingArguments& overrides, bool is_json) {
  auto recipe = find_recipe(name);
  for (const auto& item : overrides) apply_override(recipe.tree, item);
  const auto& system = system_of(recipe.tree);
  const auto layers = system.layers(recipe.tree);
  if (layers.empty())
    throw UsageError(
        concat("the system ", system.name, " has no table of layers, got recipe '", name, "'"));
  bench::Json list = bench::Json::array(), rows = bench::Json::array();
  for (const auto& layer : layers) {
    const bool sees_all = std::isinf(layer.geometry.field);
    list.push_back(
        {{"layer", layer.name},
         {"kernel", layer.kernel},
         {"stride", layer.stride},
         {"dilation", layer.dilation},
         {"channels", layer.channels},
         {"output_stride", layer.geometry.stride},
         {"receptive_field", sees_all ? bench::Json() : bench::Json(layer.geometry.field)}});
    rows.push_back(
        {{"layer", layer.name},
         {"kernel", concat(layer.kernel, "x", layer.kernel)},
         {"stride", layer.stride < 1 ? concat("1/", 1 / layer.stride) : concat(layer.stride)},
         {"dilation", layer.dilation},
         {"channels", layer.channels},
         {"output stride", concat(layer.geometry.stride)},
         {"receptive field", sees_all ? "all" : fixed(layer.geometry.field, 0)}});
  }
  std::cout << (is_json ? json_text(list) : bench::table_text(rows));
}

}  // namespace

void define_info(CLI::App& command) {
  struct InfoArguments {
    std::string recipe;
    SettingArguments overrides;
    bool is_json = false;
  };
  auto arguments = std::make_shared<InfoArguments>();
  command.add_option(
      "RECIPE", arguments->recipe,
      "show the layers of its network instead: strides and receptive fields, pixels");
  command.add_option("SETTINGS", arguments->overrides, "settings that replace the recipe's")
      ->type_name("KEY=VALUE");
  command.add_flag("--json", arguments->is_json, "print JSON");
  command.callback([arguments] {
    if (arguments->recipe.empty()) {
      print_info(arguments->is_json);
    } else {
      print_layers(arguments->recipe, arguments->overrides, arguments->is_json);
    }
  });
}

}  // namespace clew::app
