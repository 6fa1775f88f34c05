// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/precision.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "clew/core/cache.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/machine.h"
#include "clew/ops/autocast.h"
#include "clew/ops/kernels.h"

namespace clew::ops {
namespace {

namespace fs = std::filesystem;
using torch::Tensor;

constexpr double kProbeSeconds = 0.012;  // per precision, after a warm-up

/// Deterministic values in [-scale, scale], without LibTorch's generator.
Tensor filled(at::IntArrayRef shape, double scale) {
  const Tensor t = torch::arange(c10::multiply_integers(shape), torch::kFloat32);
  return (t * 0.7F).sin().mul(scale).view(shape).clone();
}

/// A benchmark kernel, and its number of operations.
struct Probe {
  std::function<void(Precision)> run;
  double operations = 0;
};

/// Products of the navigator's shapes: 32 worlds through the encoder's linear layer and the LSTM,
/// packed before.
Probe kernels_probe() {
  constexpr std::size_t kRows = 32;
  struct Shape {
    std::size_t inputs, outputs;
  };
  static constexpr Shape kShapes[] = {{2592, 256}, {590, 1024}};
  struct Product {
    std::vector<Word> rows, panels;
    GemmPiece piece{};
  };
  auto products = std::make_shared<std::map<std::pair<Precision, std::size_t>, Product>>();
  Probe probe;
  for (const Shape& shape : kShapes) {
    const Tensor x = filled({kRows, static_cast<std::int64_t>(shape.inputs)}, 1),
                 w = filled({static_cast<std::int64_t>(shape.outputs),
                             static_cast<std::int64_t>(shape.inputs)},
                            0.1);
    for (const auto precision : {Precision::kFp32, Precision::kBf16}) {
      const Kernels* const table = kernels(precision);
      if (table == nullptr) return {};
      auto& product = (*products)[{precision, shape.inputs}];
      product.rows.resize(kRows * table->tile_words(shape.inputs));
      product.panels.resize(table->words(shape.inputs) * table->padded(shape.outputs));
      table->pack_a(x.data_ptr<float>(), shape.inputs, kRows, shape.inputs, product.rows.data());
      table->pack_b_transposed(w.data_ptr<float>(), shape.inputs, shape.outputs, shape.inputs,
                               product.panels.data());
      product.piece = {product.rows.data(), product.panels.data(), table->words(shape.inputs)};
    }
    probe.operations += 2.0 * kRows * static_cast<double>(shape.inputs * shape.outputs);
  }
  probe.run = [products, out = std::vector<float>(kRows * 1024)](Precision precision) mutable {
    for (const Shape& shape : kShapes)
      kernels(precision)->gemm(&products->at({precision, shape.inputs}).piece, 1, kRows,
                               shape.outputs, out.data(), shape.outputs);
  };
  return probe;
}

/// A convolution, forward and backward.
Probe libtorch_probe() {
  constexpr std::int64_t kImages = 8, kChannels = 32, kSide = 20, kKernel = 5;
  const Tensor images = filled({kImages, kChannels, kSide, kSide}, 1).requires_grad_(),
               weight = filled({kChannels, kChannels, kKernel, kKernel}, 0.1).requires_grad_(),
               bias = filled({kChannels}, 0.1);
  const double positions = (kSide - kKernel + 1) * (kSide - kKernel + 1);
  return {[=](Precision precision) {
            Tensor y;
            {
              const Autocast autocast(precision);
              y = torch::conv2d(images, weight, bias);
            }
            (void)torch::autograd::grad({y.to(torch::kFloat32).sum()}, {images, weight});
          },
          3.0 * 2 * kImages * positions * kChannels * kChannels * kKernel * kKernel};
}

/// True if a small convolution and a linear layer in bf16 run forward and backward.
bool libtorch_multiplies_bf16() {
  try {
    const at::AutoGradMode has_gradients(true);
    const auto half = [](at::IntArrayRef shape) {
      return filled(shape, 1).to(torch::kBFloat16).requires_grad_();
    };
    const Tensor images = half({1, 16, 6, 6}), weight = half({16, 16, 3, 3}), rows = half({4, 64}),
                 matrix = half({16, 64});
    const auto sum = torch::conv2d(images, weight).to(torch::kFloat32).sum() +
                     torch::linear(rows, matrix).to(torch::kFloat32).sum();
    (void)torch::autograd::grad({sum}, {images, weight, rows, matrix});
    return true;
  } catch (const std::exception&) {  // oneDNN has no such primitive here
    return false;
  }
}

double rate(Probe& probe, Precision precision) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_of_one = [&] {
    const auto start = Clock::now();
    probe.run(precision);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  double left = kProbeSeconds - seconds_of_one(), best = 1e9;  // the first is the warm-up
  do {
    const double spent = seconds_of_one();
    best = std::min(best, spent);
    left -= spent;
  } while (left > 0);
  return probe.operations / best * 1e-9;
}

/// Cache file of the rates, with everything that they depend on in its name; empty without a cache
/// folder.
fs::path rates_file(Products products) {
  const fs::path folder = cache_folder();
  if (folder.empty()) return {};
  const Machine machine = this_machine();
  const std::string key = concat(machine.cpu, '|', machine.instruction_set, '|', machine.compiler,
                                 '|', TORCH_VERSION, '|', CLEW_VERSION);
  std::ostringstream name;
  name << "precision-" << (products == Products::kKernels ? "kernels-" : "libtorch-") << std::hex
       << hash64(std::as_bytes(std::span(key)));
  return folder / name.str();
}

std::optional<PrecisionRates> read_rates(const fs::path& file) {
  try {
    if (file.empty() || !fs::exists(file)) return std::nullopt;
    std::istringstream text(read_file(file, 1000));
    PrecisionRates rates;
    std::string fp32, bf16, rest;
    const bool is_whole = static_cast<bool>(text >> fp32 >> rates.fp32 >> bf16 >> rates.bf16);
    if (is_whole && !(text >> rest) && fp32 == "fp32" && bf16 == "bf16" && rates.fp32 > 0 &&
        rates.bf16 >= 0)
      return rates;
  } catch (const std::exception&) {  // unreadable: measured again
  }
  return std::nullopt;
}

void keep_rates(const fs::path& file, const PrecisionRates& rates) {
  if (file.empty()) return;
  try {
    make_folders(file.parent_path());
    write_file_atomic(file, concat("fp32 ", rates.fp32, " bf16 ", rates.bf16, '\n'));
  } catch (const Error&) {  // read-only or full: measured again by the next process
  }
}

}  // namespace

Precision chosen_precision(PrecisionChoice choice, Products products) {
  if (choice == PrecisionChoice::kAuto) return faster(precision_rates(products));
  return choice == PrecisionChoice::kBf16 ? Precision::kBf16 : Precision::kFp32;
}

PrecisionChoice resolve_precision(PrecisionChoice choice, Products products) {
  const bool is_bf16 = chosen_precision(choice, products) == Precision::kBf16 && has_bf16(products);
  return is_bf16 ? PrecisionChoice::kBf16 : PrecisionChoice::kFp32;
}

bool has_bf16(Products products) {
#if defined(__x86_64__)
  static const bool has_instructions = __builtin_cpu_supports("avx512bf16") != 0;
#else
  static const bool has_instructions = false;
#endif
  if (products == Products::kKernels) return has_instructions;
  static const bool works_in_libtorch = has_instructions && libtorch_multiplies_bf16();
  return works_in_libtorch;
}

Precision faster(const PrecisionRates& rates) {
  return rates.bf16 >= 1.05 * rates.fp32 ? Precision::kBf16 : Precision::kFp32;
}

PrecisionRates measure_precisions(Products products) {
  const at::AutoGradMode has_gradients(true);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  Probe probe = products == Products::kKernels ? kernels_probe() : Probe();
  if (!probe.run) probe = libtorch_probe();  // used without kernels
  PrecisionRates rates{.fp32 = rate(probe, Precision::kFp32)};
  if (has_bf16(products)) rates.bf16 = rate(probe, Precision::kBf16);
  at::set_num_threads(threads);
  return rates;
}

PrecisionRates precision_rates(Products products) {
  static std::mutex mutex;
  static std::map<std::pair<Products, fs::path>, PrecisionRates> known;
  const fs::path file = rates_file(products);
  const std::scoped_lock lock(mutex);
  const auto [found, is_new] = known.try_emplace({products, file});
  if (is_new) {
    const auto kept = read_rates(file);
    found->second = kept ? *kept : measure_precisions(products);
    if (!kept) keep_rates(file, found->second);
  }
  return found->second;
}

}  // namespace clew::ops
