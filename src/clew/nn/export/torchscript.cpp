// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/export/torchscript.h"

#include <torch/autograd.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/nn/module.h>
#include <torch/script.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <exception>
#include <sstream>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/nn/export/inference.h"

namespace clew::nn {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

/// TorchScript module tree with the same tensors. Types are numbered, since module names may not be
/// valid type names.
torch::jit::Module mirror(const torch::nn::Module& module,
                          const std::shared_ptr<torch::jit::CompilationUnit>& unit, int& types) {
  torch::jit::Module result(c10::QualifiedName(concat("__torch__.clew.Module", types++)), unit);
  result.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& item : module.named_parameters(/*recurse=*/false))
    if (item.value().defined())
      result.register_parameter(item.key(), item.value(), /*is_buffer=*/false);
  for (const auto& item : module.named_buffers(/*recurse=*/false))
    if (item.value().defined())
      result.register_parameter(item.key(), item.value(), /*is_buffer=*/true);
  for (const auto& item : module.named_children())
    result.register_module(item.key(), mirror(*item.value(), unit, types));
  return result;
}

std::string record(const torch::nn::Module& module, const ForwardFunction& forward,
                   const TorchScriptOptions& options) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  int types = 0;
  auto script = mirror(module, unit, types);
  std::vector<std::string> names = options.input_names;
  for (std::size_t i = names.size(); i < options.examples.size(); ++i)
    names.push_back(concat("input_", i));
  torch::jit::Stack inputs(options.examples.begin(), options.examples.end());
  const auto run = [&](torch::jit::Stack stack) {
    const torch::jit::tracer::NoWarn quiet;
    Tensors tensors;
    for (const auto& value : stack) tensors.push_back(value.toTensor());
    const auto results = forward(tensors);
    CLEW_CHECK(!results.empty(), "a network must give at least one result to be traced");
    if (results.size() == 1) return torch::jit::Stack{results[0]};
    return torch::jit::Stack{
        c10::ivalue::Tuple::create(std::vector<c10::IValue>(results.begin(), results.end()))};
  };
  const auto traced = torch::jit::tracer::trace(
      inputs, run, [](const torch::autograd::Variable&) { return ""; }, /*strict=*/true,
      /*force_outplace=*/false, &script, names);
  auto* function = unit->create_function(c10::QualifiedName(*script.type()->name(), "forward"),
                                         traced.first->graph);
  script.type()->addMethod(function);
  std::ostringstream file;
  script.save(file);
  return file.str();
}

/// Other values of the same shape: flipped, and real ones scaled.
Tensors others(const Tensors& examples) {
  Tensors result;
  for (const auto& example : examples) {
    std::vector<std::int64_t> sides(static_cast<std::size_t>(example.dim()));
    for (std::size_t i = 0; i < sides.size(); ++i) sides[i] = static_cast<std::int64_t>(i);
    const auto mirrored = example.flip(sides);
    result.push_back(example.is_floating_point() ? mirrored * 0.9 : mirrored);
  }
  return result;
}

Tensors joined(const Tensors& a, const Tensors& b) {
  Tensors result;
  for (std::size_t i = 0; i < a.size(); ++i) result.push_back(torch::cat({a[i], b[i]}));
  return result;
}

void compare(torch::jit::Module& script, const ForwardFunction& forward, const Tensors& inputs,
             const TorchScriptOptions& options, const char* hint) {
  const auto wanted = forward(inputs);
  const auto value = script.forward({inputs.begin(), inputs.end()});
  Tensors got;
  if (value.isTensor()) {
    got = {value.toTensor()};
  } else {
    for (const auto& item : value.toTupleRef().elements()) got.push_back(item.toTensor());
  }
  CLEW_CHECK(got.size() == wanted.size(), "the traced network gives ", got.size(),
             " results, wanted ", wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CLEW_CHECK(got[i].sizes() == wanted[i].sizes(), "result ", i, " of the traced network is ",
               got[i].sizes(), ", wanted ", wanted[i].sizes(), "; ", hint);
    const auto difference = got[i].numel() == 0
                                ? 0.0
                                : (got[i].to(torch::kFloat64) - wanted[i].to(torch::kFloat64))
                                      .abs()
                                      .max()
                                      .item<double>();
    CLEW_CHECK(torch::allclose(got[i].to(torch::kFloat64), wanted[i].to(torch::kFloat64),
                               options.tolerance, options.tolerance, /*equal_nan=*/true),
               "result ", i, " of the traced network differs by ", difference,
               " from the network's; ", hint);
  }
}

void check(const std::string& bytes, const ForwardFunction& forward,
           const TorchScriptOptions& options) {
  std::istringstream file(bytes);
  auto script = torch::jit::load(file);
  const auto changed = others(options.examples);
  compare(script, forward, changed, options,
          "tracing does not see a kernel that is no operator of LibTorch, nor a choice made by "
          "looking at values");
  const auto compare_size = [&](const Tensors& inputs, const std::string& what, const char* hint) {
    try {
      compare(script, forward, inputs, options, hint);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      throw Error(
          concat("the traced network fails for ", what, "; ", hint, ": ", reason_of(error)));
    }
  };
  if (!options.taller.empty())
    compare_size(options.taller, "inputs of another height or width than the examples",
                 "forward reads a side as a number, which tracing fixes");
  if (!options.is_batch_free) return;
  const auto larger = joined(options.examples, changed);
  compare_size(larger,
               concat("a batch of ", larger[0].size(0), " where the example had ",
                      options.examples[0].size(0)),
               "forward reads the batch size as a number, which tracing fixes");
}

}  // namespace

void export_torchscript(torch::nn::Module& module, const ForwardFunction& forward,
                        const std::filesystem::path& path, const TorchScriptOptions& options) {
  CLEW_CHECK(path.extension() == ".pt", "cannot write '", path.string(),
             "': a TorchScript file ends in .pt");
  CLEW_CHECK(!options.examples.empty(), "tracing needs an example of each input");
  CLEW_CHECK(options.input_names.empty() || options.input_names.size() == options.examples.size(),
             "tracing got ", options.examples.size(), " examples and ", options.input_names.size(),
             " names");
  for (const auto& example : options.examples)
    CLEW_CHECK(example.defined() && example.dim() > 0, "an example must be a tensor of a batch");
  const torch::NoGradGuard no_grad;
  const Evaluating evaluating(module);
  std::string bytes;
  try {
    bytes = record(module, forward, options);
    check(bytes, forward, options);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(concat("the network cannot be traced: ", reason_of(error)));
  }
  write_file_atomic(path, bytes);
}

}  // namespace clew::nn
