// SPDX-License-Identifier: Apache-2.0
// Cost of encoder and LSTM per image (agent step), by kernel and as a whole rollout, beside
// LibTorch's operators in the same run. CPU time of one thread.
#include <time.h>
#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "bench.h"
#include "clew/core/key.h"
#include "clew/ops/cross_entropy.h"
#include "clew/ops/encoder.h"
#include "clew/ops/kernels.h"
#include "clew/ops/lstm.h"
#include "clew/ops/narrow_conv.h"
#include "clew/ops/pool_relu.h"
#include "clew/ops/rmsprop.h"

namespace clew::bench {
namespace {

using ops::Kernels;
using ops::Word;
using torch::Tensor;

constexpr double kConv1 = 2.0 * 400 * 192 * 16, kConv2 = 2.0 * 81 * 256 * 32,
                 kLinear = 2.0 * 2592 * 256;
constexpr std::int64_t kInputs = 256 + 64 + 6 + 8, kHidden = 256, kGates = 4 * kHidden;
constexpr double kLstm = 2.0 * (kInputs + kHidden) * kGates;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median seconds per call, after a warm-up.
double seconds_of(double budget, const std::function<void()>& work) {
  work();
  work();
  std::vector<double> times;
  double spent = 0;
  while (times.size() < 5 || spent < budget) {
    const double before = thread_seconds();
    work();
    times.push_back(thread_seconds() - before);
    spent += times.back();
  }
  std::ranges::sort(times);
  return times[times.size() / 2];
}

struct Setting {
  double seconds = 0;
  std::int64_t lanes = 0, steps = 0;
  ops::Precision precision{};
  torch::Dtype peer_type{};  // of LibTorch's operators, as ours
};

Json row(const std::string& what, const Setting& s, double images, double operations, double ours,
         double peer) {
  return {{"what", what},
          {"precision", s.precision == ops::Precision::kBf16 ? "bf16" : "fp32"},
          {"microseconds_per_image", ours / images * 1e6},
          {"gflops", operations * images / ours * 1e-9},
          {"libtorch_microseconds", peer / images * 1e6},
          {"ratio", peer / ours}};
}

/// Buffer for the kernels; its values do not affect the time.
std::vector<Word> room(std::size_t words) { return std::vector<Word>(words + 16, 0x3c003c00U); }

void add_convolutions(Json& rows, const Setting& s, const Kernels& k) {
  const auto n = static_cast<std::size_t>(s.lanes), units = k.words(n);
  const Tensor frames = torch::randint(0, 256, {s.lanes, 3, 84, 84}, torch::kUInt8);
  auto w1 = room(192 * 16), w2 = room(256 * 32), back = room(128 * 64), bias = room(48);
  auto act1 = room(units * ops::kArea1 * 16), act2 = room(units * ops::kFlat),
       out = room(n * ops::kFlat), scratch = room(Kernels::conv_scratch(3)),
       grads = room(n * ops::kFlat), sums = room(16384);
  const auto as_floats = [](std::vector<Word>& words) {
    return reinterpret_cast<float*>(words.data());
  };
  const ops::ConvWeights weights{
      w1.data(), as_floats(bias), w2.data(), as_floats(bias) + 16, back.data(), 3};
  const ops::ConvGradients gradients{as_floats(sums), as_floats(sums) + 3072,
                                     as_floats(sums) + 3088, as_floats(sums) + 11280};
  const auto each_unit = [&](const auto& call) {
    for (std::size_t u = 0; u < units; ++u) {
      const std::uint8_t* images[2] = {};
      std::size_t first[2] = {};
      for (std::size_t i = 0; i < k.pack && u * k.pack + i < n; ++i) {
        first[i] = u * k.pack + i;
        images[i] = frames.data_ptr<std::uint8_t>() + first[i] * 3 * 84 * 84;
      }
      call(u, images, first);
    }
  };
  const double forward = seconds_of(s.seconds, [&] {
    each_unit([&](std::size_t u, const std::uint8_t* const* images, const std::size_t* first) {
      Word* const to[2] = {out.data() + first[0] * ops::kFlat, out.data() + first[1] * ops::kFlat};
      k.conv_forward(weights, images, act1.data() + u * ops::kArea1 * 16, act2.data() + u * k.nr,
                     units, to, scratch.data());
    });
  });
  const double backward = seconds_of(s.seconds, [&] {
    each_unit([&](std::size_t u, const std::uint8_t* const* images, const std::size_t* first) {
      const float* const from[2] = {
          as_floats(grads) + first[0] * ops::kFlat,
          images[1] == nullptr ? nullptr : as_floats(grads) + first[1] * ops::kFlat};
      k.conv_backward(weights, images, act1.data() + u * ops::kArea1 * 16, act2.data() + u * k.nr,
                      units, from, gradients, scratch.data());
    });
  });

  const Tensor conv1 = torch::randn({16, 3, 8, 8}).to(s.peer_type),
               b1 = torch::zeros({16}).to(s.peer_type);
  const Tensor conv2 = torch::randn({32, 16, 4, 4}).to(s.peer_type),
               b2 = torch::zeros({32}).to(s.peer_type);
  Tensor x0, x1, x2;
  const double peer_forward = seconds_of(s.seconds, [&] {
    x0 = frames.to(s.peer_type).mul_(1.0 / 255);
    x1 = torch::relu(torch::conv2d(x0, conv1, b1, 4));
    x2 = torch::relu(torch::conv2d(x1, conv2, b2, 2));
  });
  const Tensor g2 = torch::randn_like(x2);
  const double peer_backward = seconds_of(s.seconds, [&] {
    const auto second =
        torch::convolution_backward(torch::threshold_backward(g2, x2, 0), x1, conv2, {{32}}, {2, 2},
                                    {0, 0}, {1, 1}, false, {0, 0}, 1, {true, true, true});
    torch::convolution_backward(torch::threshold_backward(std::get<0>(second), x1, 0), x0, conv1,
                                {{16}}, {4, 4}, {0, 0}, {1, 1}, false, {0, 0}, 1,
                                {false, true, true});
  });
  const auto images = static_cast<double>(s.lanes);
  rows.push_back(row("convolutions forward", s, images, kConv1 + kConv2, forward, peer_forward));
  rows.push_back(
      row("convolutions backward", s, images, kConv1 + 2 * kConv2, backward, peer_backward));
}

/// [m,k] x [k,n] in `pieces` along k: several for weight gradients, which are summed over calls.
void add_product(Json& rows, const Setting& s, const Kernels& kernels, const std::string& what,
                 std::array<std::int64_t, 3> mnk, std::int64_t pieces, double images) {
  const auto m = static_cast<std::size_t>(mnk[0]),
             n = kernels.padded(static_cast<std::size_t>(mnk[1])),
             k = kernels.words(static_cast<std::size_t>(mnk[2]));
  std::vector<std::vector<Word>> memory;
  std::vector<ops::GemmPiece> list;
  for (std::int64_t i = 0; i < pieces; ++i) {
    memory.push_back(room(m * kernels.tile_words(static_cast<std::size_t>(mnk[2]))));
    memory.push_back(room(n * k));
    list.push_back({memory[memory.size() - 2].data(), memory.back().data(), k});
  }
  std::vector<float> c(m * n);
  const double ours = seconds_of(s.seconds, [&] {
    (pieces > 1 ? kernels.gemm_units : kernels.gemm)(list.data(), list.size(), m, n, c.data(), n);
  });
  const Tensor a = torch::randn({mnk[0], mnk[2]}).to(s.peer_type),
               b = torch::randn({mnk[1], mnk[2]}).to(s.peer_type);
  const double peer = seconds_of(s.seconds, [&] {
    for (std::int64_t i = 0; i < pieces; ++i) torch::mm(a, b.t());
  });
  rows.push_back(row(what, s, images,
                     2.0 * static_cast<double>(mnk[0] * mnk[1] * mnk[2] * pieces) / images, ours,
                     peer));
}

/// First layer of a digit classifier after a spatial transformer: 60@9x9 on 64 images, forward and
/// all gradients, f32.
void add_first_layer(Json& rows, const Setting& s) {
  constexpr std::int64_t kImages = 64, kSide = 28, kKernel = 9, kOutputs = 60,
                         kResult = kSide - kKernel + 1;
  const Tensor images = torch::randn({kImages, 1, kSide, kSide}).requires_grad_(),
               weight = torch::randn({kOutputs, 1, kKernel, kKernel}).requires_grad_(),
               bias = torch::randn({kOutputs}).requires_grad_(),
               up = torch::randn({kImages, kOutputs, kResult, kResult});
  const Tensor up_last = up.contiguous(torch::MemoryFormat::ChannelsLast);
  const double ours = seconds_of(s.seconds, [&] {
    torch::autograd::grad({ops::narrow_conv2d(images, weight, bias)}, {images, weight, bias},
                          {up_last});
  });
  const double peer = seconds_of(s.seconds, [&] {
    torch::autograd::grad({torch::conv2d(images, weight, bias)}, {images, weight, bias}, {up});
  });
  rows.push_back(row("first layer 60@9x9, forward + backward", s, kImages,
                     3 * 2.0 * kResult * kResult * kKernel * kKernel * kOutputs, ours, peer));
}

/// Pooling and ReLU after the first layer of a digit classifier without a transformer, on 64
/// images, forward and backward.
void add_pooling(Json& rows, const Setting& s) {
  constexpr std::int64_t kImages = 64;
  const Tensor images = torch::randn({kImages, 60, 34, 34})
                            .to(s.peer_type)
                            .contiguous(torch::MemoryFormat::ChannelsLast)
                            .requires_grad_();
  const Tensor up = ops::max_pool_relu(images.detach());
  const double ours = seconds_of(
      s.seconds, [&] { torch::autograd::grad({ops::max_pool_relu(images)}, {images}, {up}); });
  const double peer = seconds_of(s.seconds, [&] {
    torch::autograd::grad({torch::relu(torch::max_pool2d(images, 2))}, {images}, {up});
  });
  rows.push_back(row("pooling and ReLU 60x34x34, forward + backward", s, kImages, 0, ours, peer));
}

/// A depth head's loss over a rollout, forward and backward, f32.
void add_cross_entropy(Json& rows, const Setting& s) {
  const std::int64_t images = s.lanes * s.steps;
  const Tensor logits = torch::randn({images, 64, 8}).requires_grad_();
  const Tensor classes = torch::randint(8, {images, 64}, torch::kInt64);
  const double ours = seconds_of(
      s.seconds, [&] { torch::autograd::grad({ops::cross_entropy(logits, classes)}, {logits}); });
  const double peer = seconds_of(s.seconds, [&] {
    const Tensor rows_of = logits.flatten(0, 1);
    torch::autograd::grad({torch::cross_entropy_loss(rows_of, classes.flatten())}, {logits});
  });
  rows.push_back(row("cross-entropy 64 x 8, forward + backward", s, static_cast<double>(images), 0,
                     ours, peer));
}

/// A step of RMSProp on the navigator's number of parameters, f32; counted as one image.
void add_rmsprop(Json& rows, const Setting& s) {
  constexpr std::int64_t kCount = 2'000'000;
  const Tensor gradients = torch::randn({kCount}), square = torch::ones({kCount}),
               mean = torch::zeros({kCount}), values = torch::randn({kCount});
  const double ours = seconds_of(s.seconds, [&] {
    ops::rmsprop_step({.decay = 0.99F, .square_correction = 1, .eps = 0.1F, .momentum = 0, .lr = 0},
                      gradients.data_ptr<float>(), nullptr, kCount, square.data_ptr<float>(),
                      mean.data_ptr<float>(), values.data_ptr<float>());
  });
  const double peer = seconds_of(s.seconds, [&] {
    square.mul_(0.99).addcmul_(gradients, gradients, 0.01);
    mean.mul_(0).addcdiv_(gradients, square.div(1.0).add_(0.1).sqrt_());
    values.add_(mean, 0);
  });
  rows.push_back(row("RMSProp of 2 M numbers", s, 1, 0, ours, peer));
}

struct Net {
  ops::EncoderWeights encoder;
  ops::LstmWeights lstm;
};

Net make_net() {
  const auto uniform = [](torch::IntArrayRef shape, double fan_in) {
    return ((torch::rand(shape) * 2 - 1) / std::sqrt(fan_in)).requires_grad_();
  };
  return {{uniform({16, 3, 8, 8}, 192), uniform({16}, 192), uniform({32, 16, 4, 4}, 256),
           uniform({32}, 256), uniform({256, 2592}, 2592), uniform({256}, 2592)},
          {uniform({kGates, kInputs}, 256), uniform({kGates, kHidden}, 256), uniform({kGates}, 256),
           uniform({kGates}, 256)}};
}

/// Encoder and LSTM over `steps` steps of `lanes` lanes with the graph kept, then backward through
/// all of it.
void add_rollout(Json& rows, const Setting& s) {
  const Net net = make_net();
  const Tensor frames = torch::randint(0, 256, {s.steps, s.lanes, 3, 84, 84}, torch::kUInt8);
  const Tensor other = torch::randn({s.lanes, kInputs - 256}),
               h0 = torch::zeros({s.lanes, kHidden});
  const auto backward = [&](const Tensor& loss) {
    loss.backward();
    for (const Tensor& w :
         {net.encoder.conv1_weight, net.encoder.conv1_bias, net.encoder.conv2_weight,
          net.encoder.conv2_bias, net.encoder.fc_weight, net.encoder.fc_bias, net.lstm.w_ih,
          net.lstm.w_hh, net.lstm.b_ih, net.lstm.b_hh})
      w.mutable_grad().reset();
  };
  const ops::Workspace workspace;
  const double ours = seconds_of(s.seconds, [&] {
    ops::Encoder encoder(net.encoder, {.precision = s.precision, .workspace = workspace});
    ops::Lstm lstm(net.lstm, {.precision = s.precision, .workspace = workspace});
    Tensor loss = torch::zeros({}), h = h0, c = h0;
    for (std::int64_t t = 0; t < s.steps; ++t) {
      const ops::LstmOut out = lstm({encoder(frames[t]), other}, h, c);
      h = out.h, c = out.c;
      loss = loss + h.sum();
    }
    backward(loss);
  });
  const double peer = seconds_of(s.seconds, [&] {
    Tensor loss = torch::zeros({}), h = h0, c = h0;
    for (std::int64_t t = 0; t < s.steps; ++t) {
      Tensor x = frames[t].to(torch::kFloat32).mul_(1.0 / 255);
      x = torch::relu(torch::conv2d(x, net.encoder.conv1_weight, net.encoder.conv1_bias, 4));
      x = torch::relu(torch::conv2d(x, net.encoder.conv2_weight, net.encoder.conv2_bias, 2));
      x = torch::relu(torch::linear(x.flatten(1), net.encoder.fc_weight, net.encoder.fc_bias));
      std::tie(h, c) = torch::lstm_cell(torch::cat({x, other}, 1), {h, c}, net.lstm.w_ih,
                                        net.lstm.w_hh, net.lstm.b_ih, net.lstm.b_hh);
      loss = loss + h.sum();
    }
    backward(loss);
  });
  rows.push_back(row("rollout: encoder + LSTM, forward + backward", s,
                     static_cast<double>(s.steps * s.lanes),
                     2 * kConv1 + 3 * kConv2 + 3 * kLinear + 3 * kLstm, ours, peer));
}

}  // namespace

Json ops_rows(const OpsOptions& options) {
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  torch::manual_seed(1);
  Json rows = Json::array();
  for (const ops::Precision precision : {ops::Precision::kBf16, ops::Precision::kFp32}) {
    const Kernels* const kernels = ops::kernels(precision);
    if (kernels == nullptr || (precision == ops::Precision::kBf16 && kernels->pack != 2)) continue;
    const Setting s{options.seconds, options.lanes, options.steps, precision,
                    precision == ops::Precision::kBf16 ? torch::kBFloat16 : torch::kFloat32};
    const auto n = static_cast<std::int64_t>(options.lanes);
    const double images = n, all = static_cast<double>(n) * options.steps;
    add_convolutions(rows, s, *kernels);
    add_product(rows, s, *kernels, "linear 2592 -> 256 forward", {n, 256, 2592}, 1, images);
    add_product(rows, s, *kernels, "linear 2592 -> 256 to inputs", {n, 2592, 256}, 1, images);
    add_product(rows, s, *kernels, "linear 2592 -> 256 to weights", {256, 2592, n}, options.steps,
                all);
    add_product(rows, s, *kernels, "LSTM 590 -> 1024 forward", {n, kGates, kInputs + kHidden}, 1,
                images);
    add_product(rows, s, *kernels, "LSTM 590 -> 1024 to inputs", {n, kInputs + kHidden, kGates}, 1,
                images);
    add_product(rows, s, *kernels, "LSTM 590 -> 1024 to weights", {kGates, kInputs + kHidden, n},
                options.steps, all);
    add_rollout(rows, s);
    add_pooling(rows, s);
    if (precision == ops::Precision::kFp32) {
      add_first_layer(rows, s);
      add_cross_entropy(rows, s);
      add_rmsprop(rows, s);
    }
  }
  torch::set_num_threads(threads);
  return rows;
}

}  // namespace clew::bench
