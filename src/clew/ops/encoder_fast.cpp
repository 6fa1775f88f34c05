// SPDX-License-Identifier: Apache-2.0
// Memory and graph of the fast encoder. Forward: both convolutions unit by unit (a unit is one
// image, or two in bf16), with intermediate results in cache, then one product for the linear
// layer. Backward of a call gives the convolutions' gradients; the linear layer's weight gradient
// is one product for all calls.
#include "clew/ops/encoder_fast.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

constexpr std::size_t kRowNumbers = kFlat;

// [F, c*81+p] -> [F, p*32+c], the kernels' layout of the second activation.
void flat_to_kernel(const float* from, float* to, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r, from += kFlat, to += kFlat)
    for (int c = 0; c < kChannels2; ++c)
      for (int p = 0; p < kArea2; ++p) to[p * kChannels2 + c] = from[c * kArea2 + p];
}
void kernel_to_flat(const float* from, float* to, std::size_t rows) {
  for (std::size_t r = 0; r < rows; ++r, from += kFlat, to += kFlat)
    for (int c = 0; c < kChannels2; ++c)
      for (int p = 0; p < kArea2; ++p) to[c * kArea2 + p] = from[p * kChannels2 + c];
}

// Saved data of one call.
struct EncoderCall {
  torch::Tensor frames;  // contiguous
  SavedTensor features;
  std::size_t images = 0, units = 0;
  Buffer act1;     // [units,400,16] unit-words
  Buffer act2;     // panels of [units,81*32] unit-words
  Buffer d_units;  // tiles of d_features [images,F] as unit-words, set by backward
  std::size_t index = 0;
};

}  // namespace

struct FastEncoder::Tape {
  const Kernels& kernels;
  Workspace workspace;
  std::size_t channels = 0, features = 0;
  Buffer w1, w2, w2_back, fc, fc_back;  // packed
  Buffer biases;                        // [16 + 32 + F] f32
  std::size_t calls = 0;
  std::vector<std::shared_ptr<EncoderCall>>
      pending;  // calls after backward, since the weights' node last ran
  Buffer sums;  // [C*64*16 + 16 + 256*32 + 32 + F] f32 over the pending calls

  explicit Tape(const Kernels& k) : kernels(k) {}

  std::size_t sums_size() const { return channels * 1024 + 16 + 8192 + 32 + features; }
  float* bias_sums() const { return floats(sums) + channels * 1024 + 16 + 8192 + 32; }
  ConvWeights conv() const {
    return {words(w1),           floats(biases), words(w2),
            floats(biases) + 16, words(w2_back), static_cast<int>(channels)};
  }
  ConvGradients conv_sums() const {
    float* const w = floats(sums);
    float* const b = w + channels * 1024;
    return {w, b, b + 16, b + 16 + 8192};
  }

  void pack(const EncoderWeights& w);
  torch::Tensor forward(const torch::Tensor& frames, EncoderCall* record);
  void backward(EncoderCall& call, const torch::Tensor& d_features);
  variable_list weight_gradients();
};

namespace {

// k-words of row `k` of a [K, n] matrix: a row of `n` words per `pack` rows, with entries `at(k,
// n)`.
template <class At>
Buffer pack_rows(const Kernels& kernels, const Workspace& workspace, std::size_t k, std::size_t n,
                 At at) {
  std::vector<float> rows(k * n);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < n; ++j) rows[i * n + j] = at(i, j);
  Buffer out = take_words(workspace, k / kernels.pack * n);
  // Packed 16 columns at a time, since panels of n columns would be split by nr.
  Buffer strip = take_words(workspace, k / kernels.pack * 16);
  for (std::size_t j = 0; j < n; j += kernels.lanes) {
    kernels.pack_b(rows.data() + j, n, k, kernels.lanes, words(strip));
    for (std::size_t i = 0; i < k / kernels.pack; ++i)
      std::copy_n(words(strip) + i * kernels.lanes, kernels.lanes, words(out) + i * n + j);
  }
  return out;
}

}  // namespace

void FastEncoder::Tape::pack(const EncoderWeights& w) {
  channels = static_cast<std::size_t>(w.conv1_weight.size(1));
  features = static_cast<std::size_t>(w.fc_weight.size(0));
  const auto dense = [](const torch::Tensor& t) { return t.detach().contiguous(); };
  const torch::Tensor conv1 = dense(w.conv1_weight), conv2 = dense(w.conv2_weight),
                      linear = dense(w.fc_weight);
  const float* const w1_from = conv1.data_ptr<float>();
  w1 = pack_rows(kernels, workspace, channels * 64, 16, [&](std::size_t k, std::size_t o) {
    return w1_from[o * channels * 64 + k] * (1.0F / 255.0F);
  });
  const float* const w2_from = conv2.data_ptr<float>();
  w2 = pack_rows(kernels, workspace, 256, 32, [&](std::size_t k, std::size_t o) {
    const std::size_t tap = k / 16, c = k % 16;
    return w2_from[(o * 16 + c) * 16 + tap];
  });
  w2_back = pack_rows(kernels, workspace, 128, 64, [&](std::size_t k, std::size_t n) {
    const std::size_t tap = k / 32, o = k % 32, phase = n / 16, c = n % 16;
    const std::size_t ky = phase / 2 + 2 * (tap / 2), kx = phase % 2 + 2 * (tap % 2);
    return w2_from[(o * 16 + c) * 16 + ky * 4 + kx];
  });
  const Buffer ordered = take_words(workspace, features * kFlat);
  flat_to_kernel(linear.data_ptr<float>(), floats(ordered), features);
  fc = take_words(workspace, kernels.words(kFlat) * features);
  kernels.pack_b_transposed(floats(ordered), kFlat, features, kFlat, words(fc));
  fc_back = take_words(workspace, kernels.words(features) * kFlat);
  kernels.pack_b(floats(ordered), kFlat, features, kFlat, words(fc_back));
  biases = take_words(workspace, 48 + features);
  std::memcpy(floats(biases), dense(w.conv1_bias).data_ptr<float>(), 16 * sizeof(float));
  std::memcpy(floats(biases) + 16, dense(w.conv2_bias).data_ptr<float>(), 32 * sizeof(float));
  std::memcpy(floats(biases) + 48, dense(w.fc_bias).data_ptr<float>(), features * sizeof(float));
}

torch::Tensor FastEncoder::Tape::forward(const torch::Tensor& given, EncoderCall* record) {
  const torch::Tensor frames = given.contiguous();
  const std::size_t images = static_cast<std::size_t>(frames.size(0)),
                    units = kernels.words(images);
  const std::size_t row = kRowNumbers / kernels.pack;
  const Buffer rows = take_words(workspace, images * row);
  const Buffer scratch = take_words(workspace, Kernels::conv_scratch(static_cast<int>(channels)));
  const Buffer act1 = take_words(workspace, (record != nullptr ? units : 1) * kArea1 * kChannels1);
  const Buffer act2 = take_words(workspace, units * kFlat);
  const std::uint8_t* const pixels = frames.data_ptr<std::uint8_t>();
  const std::size_t frame_bytes = channels * kFrameSide * kFrameSide;
  const ConvWeights conv_weights = conv();
  for (std::size_t u = 0; u < units; ++u) {
    std::array<const std::uint8_t*, 2> from{};
    std::array<Word*, 2> to{};
    for (std::size_t i = 0; i < kernels.pack && u * kernels.pack + i < images; ++i) {
      from[i] = pixels + (u * kernels.pack + i) * frame_bytes;
      to[i] = words(rows) + (u * kernels.pack + i) * row;
    }
    kernels.conv_forward(conv_weights, from.data(),
                         words(act1) + (record != nullptr ? u * kArea1 * kChannels1 : 0),
                         words(act2) + u * kernels.nr, units, to.data(), words(scratch));
  }
  const Buffer tiles = take_words(workspace, images * kernels.tile_words(kFlat));
  kernels.pack_a_words(words(rows), row, images, row, words(tiles));
  torch::Tensor out = torch::empty({frames.size(0), static_cast<std::int64_t>(features)});
  float* const y = out.data_ptr<float>();
  const GemmPiece piece{words(tiles), words(fc), row};
  kernels.gemm(&piece, 1, images, features, y, features);
  const float* const bias = floats(biases) + 48;
  for (std::size_t n = 0; n < images; ++n)
    for (std::size_t j = 0; j < features; ++j) {
      const float value = y[n * features + j] + bias[j];
      y[n * features + j] = value < 0 ? 0 : value;  // keeps NaN
    }
  if (record != nullptr) {
    record->frames = frames;
    record->images = images;
    record->units = units;
    record->act1 = act1;
    record->act2 = act2;
    record->index = calls++;
  }
  return out;
}

void FastEncoder::Tape::backward(EncoderCall& call, const torch::Tensor& d_features) {
  if (pending.empty()) {
    sums = take_words(workspace, sums_size());
    std::fill_n(floats(sums), sums_size(), 0.0F);
  }
  const std::size_t images = call.images, units = call.units;
  const torch::Tensor upstream = d_features.contiguous();
  const float* const up = upstream.data_ptr<float>();
  const float* const y = call.features.get("the features", kEncoderName).data_ptr<float>();
  const Buffer masked = take_words(workspace, images * features);
  float* const d = floats(masked);
  float* const d_bias = bias_sums();
  for (std::size_t n = 0; n < images; ++n)
    for (std::size_t j = 0; j < features; ++j) {
      const std::size_t at = n * features + j;
      d[at] = y[at] == 0 ? 0 : up[at];
      d_bias[j] += d[at];
    }
  call.d_units = take_words(workspace, units * features);
  kernels.pack_a_units(d, features, images, features, words(call.d_units));
  const Buffer tiles = take_words(workspace, images * kernels.tile_words(features));
  kernels.pack_a(d, features, images, features, words(tiles));
  const Buffer flat = take_words(workspace, images * kFlat);
  const GemmPiece piece{words(tiles), words(fc_back), kernels.words(features)};
  kernels.gemm(&piece, 1, images, kFlat, floats(flat), kFlat);

  const Buffer scratch = take_words(workspace, Kernels::conv_scratch(static_cast<int>(channels)));
  const std::uint8_t* const pixels = call.frames.data_ptr<std::uint8_t>();
  const std::size_t frame_bytes = channels * kFrameSide * kFrameSide;
  const ConvWeights conv_weights = conv();
  const ConvGradients conv_gradients = conv_sums();
  for (std::size_t u = 0; u < units; ++u) {
    std::array<const std::uint8_t*, 2> from{};
    std::array<const float*, 2> grads{};
    for (std::size_t i = 0; i < kernels.pack && u * kernels.pack + i < images; ++i) {
      from[i] = pixels + (u * kernels.pack + i) * frame_bytes;
      grads[i] = floats(flat) + (u * kernels.pack + i) * kFlat;
    }
    kernels.conv_backward(conv_weights, from.data(), words(call.act1) + u * kArea1 * kChannels1,
                          words(call.act2) + u * kernels.nr, units, grads.data(), conv_gradients,
                          words(scratch));
  }
}

variable_list FastEncoder::Tape::weight_gradients() {
  const auto c = static_cast<std::int64_t>(channels), f = static_cast<std::int64_t>(features);
  std::sort(pending.begin(), pending.end(),
            [](const auto& a, const auto& b) { return a->index < b->index; });
  std::vector<GemmPiece> pieces;
  for (const auto& call : pending)
    pieces.push_back({words(call->d_units), words(call->act2), call->units});
  const Buffer ordered = take_words(workspace, features * kFlat);
  kernels.gemm_units(pieces.data(), pieces.size(), features, kFlat, floats(ordered), kFlat);
  torch::Tensor fc_grad = torch::empty({f, kFlat});
  kernel_to_flat(floats(ordered), fc_grad.data_ptr<float>(), features);

  const ConvGradients s = conv_sums();
  const auto view = [](float* from, torch::IntArrayRef shape) {
    return torch::from_blob(from, shape);
  };
  variable_list grads = {
      (view(s.w1, {c, 8, 8, 16}).permute({3, 0, 1, 2}) * (1.0F / 255.0F)).contiguous(),
      view(s.b1, {16}).clone(),
      view(s.w2, {4, 4, 16, 32}).permute({3, 2, 0, 1}).contiguous(),
      view(s.b2, {32}).clone(),
      std::move(fc_grad),
      view(bias_sums(), {f}).clone()};
  for (const auto& call : pending) call->d_units.reset();
  pending.clear();
  sums.reset();
  return grads;
}

namespace {

// Graph node of all six weights.
struct EncoderWeightsNode : Node {
  std::shared_ptr<FastEncoder::Tape> tape;

  variable_list apply(variable_list&&) override {
    if (tape->pending.empty()) return variable_list(6);
    return tape->weight_gradients();
  }
  std::string name() const override { return "clew::EncoderWeights"; }
};

struct CallNode : Node {
  std::shared_ptr<FastEncoder::Tape> tape;
  std::shared_ptr<EncoderCall> call;

  variable_list apply(variable_list&& upstream) override {
    refuse_second_derivative(kEncoderName);
    if (upstream[0].defined() && task_should_compute_output(0)) {
      tape->backward(*call, upstream[0]);
      tape->pending.push_back(call);
    }
    return variable_list(1);
  }
  std::string name() const override { return "clew::Encoder"; }
};

}  // namespace

const Kernels* FastEncoder::serves(const EncoderWeights& w, const EncoderOptions& options) {
  const bool fits =
      w.conv1_weight.device().is_cpu() && w.conv1_weight.scalar_type() == torch::kFloat32 &&
      options.stride1 == 4 && options.stride2 == 2 && w.conv1_weight.size(0) == kChannels1 &&
      w.conv1_weight.size(2) == 8 && w.conv1_weight.size(3) == 8 &&
      w.conv2_weight.size(0) == kChannels2 && w.conv2_weight.size(2) == 4 &&
      w.conv2_weight.size(3) == 4 && w.fc_weight.size(1) == kFlat && w.fc_weight.size(0) % 16 == 0;
  return fits ? kernels(options.precision) : nullptr;
}

FastEncoder::FastEncoder(const EncoderWeights& w, const Kernels& kernels,
                         const Workspace& workspace)
    : tape_(std::make_shared<Tape>(kernels)) {
  tape_->workspace = workspace;
  tape_->pack(w);
  if (torch::autograd::compute_requires_grad(w.conv1_weight, w.conv1_bias, w.conv2_weight,
                                             w.conv2_bias, w.fc_weight, w.fc_bias)) {
    const auto node = make_node<EncoderWeightsNode>();
    node->tape = tape_;
    node->set_next_edges(torch::autograd::collect_next_edges(
        w.conv1_weight, w.conv1_bias, w.conv2_weight, w.conv2_bias, w.fc_weight, w.fc_bias));
    token_ = torch::zeros({1});
    torch::autograd::set_history(token_, node);
  }
}

torch::Tensor FastEncoder::forward(const torch::Tensor& frames) const {
  if (!token_.defined() || !at::GradMode::is_enabled()) return tape_->forward(frames, nullptr);
  const auto node = make_node<CallNode>();
  node->tape = tape_;
  node->call = std::make_shared<EncoderCall>();
  node->set_next_edges(torch::autograd::collect_next_edges(token_));
  torch::Tensor out = tape_->forward(frames, node->call.get());
  torch::autograd::set_history(out, node);
  node->call->features = SavedTensor(out);
  return out;
}

}  // namespace clew::ops
