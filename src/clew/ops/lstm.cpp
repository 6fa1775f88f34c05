// SPDX-License-Identifier: Apache-2.0
// LSTM cell: argument checks, and dispatch to the fast kernels or LibTorch's operators.
#include "clew/ops/lstm.h"

#include <torch/types.h>

#include <optional>
#include <utility>

#include "clew/ops/checks.h"
#include "clew/ops/lstm_fast.h"

namespace clew::ops {
namespace {

void check(const LstmWeights& w) {
  for (const auto& [name, tensor] : {std::pair{"w_ih", &w.w_ih}, {"w_hh", &w.w_hh}}) {
    CLEW_CHECK(tensor->defined(), name, " must be a tensor, got an undefined one (lstm)");
    CLEW_CHECK(tensor->dim() == 2 && tensor->numel() > 0, name,
               " must have 2 dimensions and no empty one, got ", tensor->sizes(), " (lstm)");
  }
  const std::int64_t hidden = w.w_hh.size(1), input = w.w_ih.size(1);
  check_weights(kLstmName, {{"w_ih", &w.w_ih, {4 * hidden, input}},
                            {"w_hh", &w.w_hh, {4 * hidden, hidden}},
                            {"b_ih", &w.b_ih, {4 * hidden}},
                            {"b_hh", &w.b_hh, {4 * hidden}}});
}

}  // namespace

struct Lstm::State {
  LstmWeights weights;
  LstmOptions options;
  Versions versions;
  std::optional<FastLstm> fast;  // empty: LibTorch's operators
};

Lstm::Lstm(LstmWeights weights, LstmOptions options) : state_(std::make_shared<State>()) {
  check(weights);
  state_->versions = Versions({weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh});
  if (const Kernels* const kernels = FastLstm::serves(weights, options))
    state_->fast.emplace(weights, *kernels, options.workspace);
  state_->weights = std::move(weights);
  state_->options = std::move(options);
}

LstmOut Lstm::operator()(torch::TensorList inputs, const torch::Tensor& h, const torch::Tensor& c) {
  const LstmWeights& w = state_->weights;
  const std::int64_t hidden = w.w_hh.size(1), input = w.w_ih.size(1);
  const auto check_one = [&](const char* name, const torch::Tensor& t) {
    CLEW_CHECK(t.defined() && t.dim() == 2, name, " must be [N,..], got ",
               t.defined() ? concat(t.sizes()) : "an undefined tensor", " (lstm)");
    CLEW_CHECK(t.scalar_type() == w.w_hh.scalar_type() && t.device() == w.w_hh.device(), name,
               " must be ", w.w_hh.scalar_type(), " on ", w.w_hh.device(), " as the weights, got ",
               t.scalar_type(), " on ", t.device(), " (lstm)");
    CLEW_CHECK(t.size(0) > 0 && t.size(0) == h.size(0), name, " must have ", h.size(0),
               " rows as h, and at least one, got ", t.sizes(), " (lstm)");
  };
  check_one("h", h);
  check_one("c", c);
  CLEW_CHECK(h.size(1) == hidden && c.size(1) == hidden, "h and c must be [N,", hidden, "], got ",
             h.sizes(), " and ", c.sizes(), " (lstm)");
  std::int64_t columns = 0;
  for (const torch::Tensor& x : inputs) {
    check_one("inputs", x);
    columns += x.size(1);
  }
  CLEW_CHECK(columns == input, "inputs must have ", input, " columns together as w_ih, got ",
             columns, " (lstm)");
  state_->versions.check_unchanged(kLstmName);

  if (state_->fast) return state_->fast->step(inputs, h, c);
  const torch::Tensor x = inputs.size() == 1 ? inputs[0] : torch::cat(inputs, 1);
  const std::vector<torch::Tensor> gates =
      (torch::linear(x, w.w_ih, w.b_ih) + torch::linear(h, w.w_hh, w.b_hh)).chunk(4, 1);
  const torch::Tensor next_c =
      torch::sigmoid(gates[1]) * c + torch::sigmoid(gates[0]) * torch::tanh(gates[2]);
  return {torch::sigmoid(gates[3]) * torch::tanh(next_c), next_c};
}

bool Lstm::fast() const { return state_->fast.has_value(); }

LstmOut lstm_step(const torch::Tensor& x, const torch::Tensor& h, const torch::Tensor& c,
                  const LstmWeights& weights, const LstmOptions& options) {
  return Lstm(weights, options)({x}, h, c);
}

}  // namespace clew::ops
