// SPDX-License-Identifier: Apache-2.0
// Memory and graph of the fast LSTM cell: one product [inputs, h] x W for all gates, then the
// elementwise part; in backward one product for the inputs' gradients. The weights' gradients are
// one product for all steps.
#include "clew/ops/lstm_fast.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

// Saved data of one step.
struct Step {
  std::size_t lanes = 0, units = 0;  // N, and unit-words along it
  std::vector<std::int64_t> widths;  // of the inputs
  SavedTensor c_prev, c;
  Buffer x;        // panels of [N, inputs + h] as unit-words
  Buffer gates;    // [N,4H] activated
  Buffer d_units;  // tiles of d_gates [N,4H] as unit-words, set by backward
  std::size_t index = 0;
};

}  // namespace

struct FastLstm::Tape {
  const Kernels& kernels;
  Workspace workspace;
  std::size_t input = 0, hidden = 0;
  Buffer weights, weights_back;  // packed [input + H, 4H] and [4H, input + H]
  Buffer bias;                   // [4H] f32, the sum of both
  std::size_t steps = 0;
  std::vector<std::shared_ptr<Step>>
      pending;    // steps after backward, since the weights' node last ran
  Buffer d_bias;  // [4H] f32 over the pending steps

  explicit Tape(const Kernels& k) : kernels(k) {}
  std::size_t columns() const { return input + hidden; }

  void pack(const LstmWeights& w);
  LstmOut forward(torch::TensorList inputs, const torch::Tensor& h, const torch::Tensor& c,
                  Step* record);
  // Gradients of the inputs in order, h, c.
  variable_list backward(Step& step, const torch::Tensor& dh, const torch::Tensor& dc,
                         const std::vector<bool>& wanted, bool weights_wanted);
  variable_list weight_gradients();
};

void FastLstm::Tape::pack(const LstmWeights& w) {
  input = static_cast<std::size_t>(w.w_ih.size(1));
  hidden = static_cast<std::size_t>(w.w_hh.size(1));
  const std::size_t gates = 4 * hidden;
  const torch::Tensor ih = w.w_ih.detach().contiguous(), hh = w.w_hh.detach().contiguous();
  const Buffer both = take_words(workspace, gates * columns());  // [4H, input + H]
  for (std::size_t r = 0; r < gates; ++r) {
    std::copy_n(ih.data_ptr<float>() + r * input, input, floats(both) + r * columns());
    std::copy_n(hh.data_ptr<float>() + r * hidden, hidden, floats(both) + r * columns() + input);
  }
  weights = take_words(workspace, kernels.words(columns()) * gates);
  kernels.pack_b_transposed(floats(both), columns(), gates, columns(), words(weights));
  weights_back = take_words(workspace, kernels.words(gates) * kernels.padded(columns()));
  kernels.pack_b(floats(both), columns(), gates, columns(), words(weights_back));
  bias = take_words(workspace, gates);
  const torch::Tensor sum = (w.b_ih.detach() + w.b_hh.detach()).contiguous();
  std::copy_n(sum.data_ptr<float>(), gates, floats(bias));
}

LstmOut FastLstm::Tape::forward(torch::TensorList inputs, const torch::Tensor& h,
                                const torch::Tensor& c_given, Step* record) {
  const std::size_t n = static_cast<std::size_t>(h.size(0)), k = kernels.words(columns());
  const torch::Tensor c = c_given.contiguous();
  const Buffer rows = take_words(workspace, n * columns());
  std::size_t column = 0;
  const auto put = [&](const torch::Tensor& part) {
    const torch::Tensor dense = part.contiguous();
    const float* const from = dense.data_ptr<float>();
    const std::size_t width = static_cast<std::size_t>(dense.size(1));
    for (std::size_t r = 0; r < n; ++r)
      std::copy_n(from + r * width, width, floats(rows) + r * columns() + column);
    column += width;
  };
  for (const torch::Tensor& x : inputs) put(x);
  put(h);
  const Buffer tiles = take_words(workspace, n * kernels.tile_words(columns()));
  kernels.pack_a(floats(rows), columns(), n, columns(), words(tiles));
  const Buffer gates = take_words(workspace, n * 4 * hidden);
  const GemmPiece piece{words(tiles), words(weights), k};
  kernels.gemm(&piece, 1, n, 4 * hidden, floats(gates), 4 * hidden);
  LstmOut out{torch::empty({h.size(0), h.size(1)}), torch::empty({h.size(0), h.size(1)})};
  lstm_gates(floats(gates), floats(bias), c.data_ptr<float>(), n, hidden, out.h.data_ptr<float>(),
             out.c.data_ptr<float>());
  if (record != nullptr) {
    record->lanes = n;
    record->units = kernels.words(n);
    for (const torch::Tensor& x : inputs) record->widths.push_back(x.size(1));
    record->c_prev = SavedTensor(c);
    record->x = take_words(workspace, record->units * kernels.padded(columns()));
    kernels.pack_b(floats(rows), columns(), n, columns(), words(record->x));
    record->gates = gates;
    record->index = steps++;
  }
  return out;
}

variable_list FastLstm::Tape::backward(Step& step, const torch::Tensor& dh, const torch::Tensor& dc,
                                       const std::vector<bool>& wanted, bool weights_wanted) {
  const std::size_t n = step.lanes, gates = 4 * hidden;
  const auto rows = static_cast<std::int64_t>(n);
  if (pending.empty()) {
    d_bias = take_words(workspace, gates);
    std::fill_n(floats(d_bias), gates, 0.0F);
  }
  const torch::Tensor dh_dense = dh.defined() ? dh.contiguous() : dh,
                      dc_dense = dc.defined() ? dc.contiguous() : dc;
  const Buffer d_gates = take_words(workspace, n * gates);
  torch::Tensor dc_prev = torch::empty({rows, static_cast<std::int64_t>(hidden)});
  lstm_gates_backward(floats(step.gates),
                      step.c_prev.get("the cell state given", kLstmName).data_ptr<float>(),
                      step.c.get("the cell state returned", kLstmName).data_ptr<float>(),
                      dh.defined() ? dh_dense.data_ptr<float>() : nullptr,
                      dc.defined() ? dc_dense.data_ptr<float>() : nullptr, n, hidden,
                      floats(d_gates), dc_prev.data_ptr<float>(), floats(d_bias));
  if (weights_wanted) {
    step.d_units = take_words(workspace, step.units * gates);
    kernels.pack_a_units(floats(d_gates), gates, n, gates, words(step.d_units));
  }
  variable_list grads(wanted.size());
  grads.back() = std::move(dc_prev);
  if (std::find(wanted.begin(), wanted.end() - 1, true) == wanted.end() - 1) return grads;

  const std::size_t padded = kernels.padded(columns()), k = kernels.words(gates);
  const Buffer tiles = take_words(workspace, n * kernels.tile_words(gates));
  kernels.pack_a(floats(d_gates), gates, n, gates, words(tiles));
  const Buffer d_rows = take_words(workspace, n * padded);
  const GemmPiece piece{words(tiles), words(weights_back), k};
  kernels.gemm(&piece, 1, n, padded, floats(d_rows), padded);
  std::size_t column = 0;
  for (std::size_t i = 0; i + 1 < wanted.size(); ++i) {
    const std::size_t width =
        i < step.widths.size() ? static_cast<std::size_t>(step.widths[i]) : hidden;
    if (wanted[i]) {
      grads[i] = torch::empty({rows, static_cast<std::int64_t>(width)});
      float* const to = grads[i].data_ptr<float>();
      for (std::size_t r = 0; r < n; ++r)
        std::copy_n(floats(d_rows) + r * padded + column, width, to + r * width);
    }
    column += width;
  }
  return grads;
}

variable_list FastLstm::Tape::weight_gradients() {
  const std::size_t gates = 4 * hidden, padded = kernels.padded(columns());
  std::sort(pending.begin(), pending.end(),
            [](const auto& a, const auto& b) { return a->index < b->index; });
  std::vector<GemmPiece> pieces;
  for (const auto& step : pending)
    pieces.push_back({words(step->d_units), words(step->x), step->units});
  const Buffer sum = take_words(workspace, gates * padded);
  kernels.gemm_units(pieces.data(), pieces.size(), gates, padded, floats(sum), padded);
  const auto rows = static_cast<std::int64_t>(gates);
  torch::Tensor ih = torch::empty({rows, static_cast<std::int64_t>(input)}),
                hh = torch::empty({rows, static_cast<std::int64_t>(hidden)});
  for (std::size_t r = 0; r < gates; ++r) {
    std::copy_n(floats(sum) + r * padded, input, ih.data_ptr<float>() + r * input);
    std::copy_n(floats(sum) + r * padded + input, hidden, hh.data_ptr<float>() + r * hidden);
  }
  const torch::Tensor b = torch::from_blob(floats(d_bias), {rows});
  variable_list grads = {std::move(ih), std::move(hh), b.clone(), b.clone()};
  for (const auto& step : pending) step->d_units.reset();
  pending.clear();
  d_bias.reset();
  return grads;
}

namespace {

// Graph node of all four weights.
struct LstmWeightsNode : Node {
  std::shared_ptr<FastLstm::Tape> tape;

  variable_list apply(variable_list&&) override {
    if (tape->pending.empty()) return variable_list(4);
    return tape->weight_gradients();
  }
  std::string name() const override { return "clew::LstmWeights"; }
};

// Edges: the inputs, h, c, the weights' node.
struct StepNode : Node {
  std::shared_ptr<FastLstm::Tape> tape;
  std::shared_ptr<Step> step;

  variable_list apply(variable_list&& upstream) override {
    refuse_second_derivative(kLstmName);
    const std::size_t count = num_outputs();
    if (!upstream[0].defined() && !upstream[1].defined()) return variable_list(count);
    std::vector<bool> wanted;
    for (std::size_t i = 0; i + 1 < count; ++i) wanted.push_back(task_should_compute_output(i));
    const bool weights_wanted = task_should_compute_output(count - 1);
    variable_list grads = tape->backward(*step, upstream[0], upstream[1], wanted, weights_wanted);
    if (weights_wanted) tape->pending.push_back(step);
    grads.emplace_back();
    return grads;
  }
  std::string name() const override { return "clew::Lstm"; }
};

}  // namespace

const Kernels* FastLstm::serves(const LstmWeights& w, const LstmOptions& options) {
  const bool fits = w.w_ih.device().is_cpu() && w.w_ih.scalar_type() == torch::kFloat32 &&
                    w.w_hh.size(1) % 16 == 0;
  return fits ? kernels(options.precision) : nullptr;
}

FastLstm::FastLstm(const LstmWeights& w, const Kernels& kernels, const Workspace& workspace)
    : tape_(std::make_shared<Tape>(kernels)) {
  tape_->workspace = workspace;
  tape_->pack(w);
  if (torch::autograd::compute_requires_grad(w.w_ih, w.w_hh, w.b_ih, w.b_hh)) {
    const auto node = make_node<LstmWeightsNode>();
    node->tape = tape_;
    node->set_next_edges(torch::autograd::collect_next_edges(w.w_ih, w.w_hh, w.b_ih, w.b_hh));
    token_ = torch::zeros({1});
    torch::autograd::set_history(token_, node);
  }
}

LstmOut FastLstm::step(torch::TensorList inputs, const torch::Tensor& h,
                       const torch::Tensor& c) const {
  bool recorded = token_.defined() && at::GradMode::is_enabled();
  for (const torch::Tensor& x : inputs)
    recorded = recorded || torch::autograd::compute_requires_grad(x);
  recorded = recorded || torch::autograd::compute_requires_grad(h, c);
  if (!recorded) return tape_->forward(inputs, h, c, nullptr);
  const auto node = make_node<StepNode>();
  node->tape = tape_;
  node->step = std::make_shared<Step>();
  for (const torch::Tensor& x : inputs)
    node->add_next_edge(torch::autograd::impl::gradient_edge(x));
  node->add_next_edge(torch::autograd::impl::gradient_edge(h));
  node->add_next_edge(torch::autograd::impl::gradient_edge(c));
  node->add_next_edge(token_.defined() ? torch::autograd::impl::gradient_edge(token_)
                                       : torch::autograd::Edge());
  LstmOut out = tape_->forward(inputs, h, c, node->step.get());
  torch::autograd::set_history(out.h, node);
  torch::autograd::set_history(out.c, node);
  node->step->c = SavedTensor(out.c);
  return out;
}

}  // namespace clew::ops
