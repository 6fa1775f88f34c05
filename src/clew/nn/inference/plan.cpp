// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/inference/plan.h"

#include <ATen/Parallel.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/inference/onednn-inl.h"
#include "clew/nn/inference/winograd.h"

namespace clew::nn {
namespace {

using onednn::Desc;
using onednn::Dims;
using Type = dnnl::memory::data_type;
using Format = dnnl::memory::format_tag;

/// Operand of a step.
struct Slot {
  enum class Place { kArena, kConstant, kOutput, kScratchpad };
  Desc desc{};
  Place place = Place::kArena;
  int number = 0;  // of an arena buffer, or of an output
  std::size_t offset = 0;
  dnnl::memory constant{};
};

struct Buffer {
  std::size_t bytes = 0, offset = 0;
  int first = -1, last = -1;  // lifetime, in steps
  bool is_shared = false;     // by two values
};

/// A convolution by winograd.h.
struct WinogradStep {
  WinogradShape shape;
  Desc from, to;                      // of a part of a strip
  std::vector<dnnl::memory> weights;  // of the parts
  torch::Tensor bias;
  bool has_addend;
  float low, high;
};

struct PlanStep {
  enum class Kind { kPrimitive, kNormalise, kAdaptivePool, kUpsample, kWinograd };
  Kind kind = Kind::kPrimitive;
  dnnl::primitive primitive{};                   // of kWinograd: the product of a part
  std::vector<std::pair<int, int>> arguments{};  // DNNL_ARG_..., slot
  Dims from{}, to{};                             // of those that LibTorch computes
  std::optional<WinogradStep> winograd{};
};
constexpr int kWinogradInput = DNNL_ARG_SRC_1, kWinogradProducts = DNNL_ARG_SRC_2;

/// Buffer and memory format of a value.
struct Located {
  int slot = -1;
  Desc desc{};
};

constexpr std::size_t kAlignment = 64;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Arena offsets without overlap of live buffers: greedy by size (Pisarchyk and Lee 2020). Returns
/// the arena's size in bytes.
std::size_t place(std::vector<Buffer>& buffers) {
  std::vector<Buffer*> order, placed;
  for (auto& buffer : buffers) order.push_back(&buffer);
  std::ranges::stable_sort(order, std::ranges::greater{}, [](const Buffer* b) { return b->bytes; });
  std::size_t total = 0;
  for (auto* buffer : order) {
    std::size_t offset = 0;
    for (const auto* other : placed) {  // by offset
      if (other->last < buffer->first || other->first > buffer->last) continue;
      if (other->offset >= offset + buffer->bytes) break;
      offset = std::max(offset, other->offset + aligned(other->bytes));
    }
    buffer->offset = offset;
    total = std::max(total, offset + aligned(buffer->bytes));
    placed.insert(
        std::ranges::upper_bound(placed, offset, {}, [](const Buffer* b) { return b->offset; }),
        buffer);
  }
  return total;
}

/// Channels of a block in the blocked format of this CPU's kernels.
std::int64_t block_channels() {
  static const bool has_avx512 = [] {
    const auto all = static_cast<int>(dnnl::cpu_isa::avx512_core);
    return (static_cast<int>(dnnl::get_effective_cpu_isa()) & all) == all;
  }();
  return has_avx512 ? 16 : 8;
}
Format blocked_format() { return block_channels() == 16 ? Format::nChw16c : Format::nChw8c; }

bool is_of(const char* implementation, std::string_view kind) {
  return std::string_view(implementation).find(kind) != std::string_view::npos;
}
bool is_slow(const char* implementation) { return is_of(implementation, "ref"); }

struct Elementwise {
  dnnl::algorithm kind;
  float alpha = 0, beta = 0;
};

/// Sequence of oneDNN eltwise operations for an activation.
std::vector<Elementwise> elementwise(Activation kind) {
  using dnnl::algorithm;
  switch (kind) {
    case Activation::kRelu:
      return {{algorithm::eltwise_relu}};
    case Activation::kRelu6:
      return {{algorithm::eltwise_clip, 0, 6}};
    case Activation::kHardswish:  // version 2 ignores alpha and beta
      return {{algorithm::eltwise_hardswish, 1.0F / 6, 0.5F}};
    case Activation::kHardsigmoid:
      return {{algorithm::eltwise_linear, 1.0F / 6, 0.5F}, {algorithm::eltwise_clip, 0, 1}};
  }
  throw Error("unknown activation");
}

void append(dnnl::post_ops& ops, Activation kind) {
  for (const auto& one : elementwise(kind))
    onednn::append_eltwise(ops, one.kind, one.alpha, one.beta);
}

dnnl::primitive_attr attributes_of(const dnnl::post_ops& ops) {
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

dnnl::memory memory_of(const torch::Tensor& values, const Dims& dims, Format format) {
  return {{dims, Type::f32, format}, onednn::engine(), values.data_ptr()};
}

}  // namespace

struct PackedWeights::Impl {
  struct Entry {
    int step;
    bool is_bias;
    dnnl::memory memory;
  };
  struct WinogradEntry {
    int step;
    Desc desc;
    std::vector<dnnl::memory> parts;
  };
  std::mutex mutex;
  std::vector<Entry> entries;
  std::vector<WinogradEntry> winograd;
};
PackedWeights::PackedWeights() : impl_(std::make_unique<Impl>()) {}
PackedWeights::~PackedWeights() = default;

struct Plan::Impl {
  std::vector<PlanStep> steps;
  std::vector<Slot> slots;
  std::vector<Buffer> buffers;
  std::size_t arena_bytes = 0, scratchpad_bytes = 0;
  torch::Tensor scale, shift;  // [3] f32: of an image's channels
  std::int64_t images = 0, height = 0, width = 0;

  /// An arena with the steps' memory objects.
  struct Workspace {
    torch::Tensor arena, scratchpad;
    std::vector<dnnl::memory> memories;
    std::vector<std::unordered_map<int, dnnl::memory>> arguments;
  };
  std::mutex mutex;
  std::vector<std::unique_ptr<Workspace>> idle;

  std::unique_ptr<Workspace> new_workspace() const;
  void normalise(const torch::Tensor& from, float* to) const;
};

/// Builder of a plan, step by step.
class PlanBuilder {
 public:
  PlanBuilder(Plan::Impl& plan, const Program& program, const PlanShape& shape, Type type,
              PackedWeights& weights)
      : plan_(plan),
        program_(program),
        shape_(shape),
        type_(type),
        weights_(*weights.impl_),
        shapes_(shapes_of(program, shape.height, shape.width)),
        use_counts_(program.use_counts),
        values_(shapes_.size()) {}

  void build() {
    const Desc plain(dims(0), Type::f32, Format::nchw);
    const int image = new_slot(plain);
    add({.kind = PlanStep::Kind::kNormalise, .arguments = {{DNNL_ARG_DST, image}}});
    values_[0] = {image, plain};
    give_outputs(0);
    if (type_ != Type::f32) values_[0] = reordered(values_[0], Desc(dims(0), type_, Format::nchw));
    for (std::size_t i = 0; i < program_.steps.size(); ++i) {
      const auto& step = program_.steps[i];
      lower(static_cast<int>(i), step);
      for (const int input : step.inputs) --use_counts_[at(input)];
      if (step.addend >= 0) --use_counts_[at(step.addend)];
      give_outputs(step.output);
    }
    plan_.arena_bytes = place(plan_.buffers);
  }

 private:
  static std::size_t at(int i) { return static_cast<std::size_t>(i); }

  Dims dims(int value) const {
    const auto& shape = shapes_[at(value)];
    if (shape.is_flat) return {shape_.images, shape.channels};
    return {shape_.images, shape.channels, shape.height, shape.width};
  }
  Desc blocked(int value) const { return {dims(value), type_, blocked_format()}; }
  Desc any(int value) const { return {dims(value), type_, Format::any}; }

  int new_buffer(std::size_t bytes) {
    plan_.buffers.push_back({.bytes = bytes});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }
  int new_slot(Slot slot) {
    plan_.slots.push_back(std::move(slot));
    return static_cast<int>(plan_.slots.size()) - 1;
  }
  int new_slot(const Desc& desc) {
    return new_slot(Slot{.desc = desc, .number = new_buffer(desc.get_size())});
  }
  const Slot& slot_of(const Located& value) const { return plan_.slots[at(value.slot)]; }

  void add(PlanStep step) {
    const auto now = static_cast<int>(plan_.steps.size());
    for (const auto& [argument, slot] : step.arguments) {
      if (plan_.slots[at(slot)].place != Slot::Place::kArena) continue;
      auto& buffer = plan_.buffers[at(plan_.slots[at(slot)].number)];
      if (buffer.first < 0) buffer.first = now;
      buffer.last = now;
    }
    plan_.steps.push_back(std::move(step));
  }

  template <class Description>
  void add_scratchpad(const Description& description, std::vector<std::pair<int, int>>& arguments) {
    const Desc scratchpad = description.scratchpad_desc();
    if (scratchpad.get_size() == 0) return;
    plan_.scratchpad_bytes = std::max(plan_.scratchpad_bytes, scratchpad.get_size());
    arguments.emplace_back(DNNL_ARG_SCRATCHPAD,
                           new_slot(Slot{.desc = scratchpad, .place = Slot::Place::kScratchpad}));
  }

  /// A primitive with its scratchpad.
  template <class Description>
  void add(const Description& description, dnnl::primitive primitive,
           std::vector<std::pair<int, int>> arguments) {
    add_scratchpad(description, arguments);
    add({.primitive = std::move(primitive), .arguments = std::move(arguments)});
  }

  void reorder(const Located& from, int to) {
    const dnnl::reorder::primitive_desc description(onednn::engine(), from.desc, onednn::engine(),
                                                    plan_.slots[at(to)].desc, attributes_of({}));
    add(description, dnnl::reorder(description), {{DNNL_ARG_FROM, from.slot}, {DNNL_ARG_TO, to}});
  }
  Located reordered(const Located& from, const Desc& wanted) {
    if (from.desc == wanted) return from;
    const int slot = new_slot(wanted);
    reorder(from, slot);
    return {slot, wanted};
  }

  /// Copies a computed value to requested outputs.
  void give_outputs(int value) {
    for (std::size_t i = 0; i < program_.outputs.size(); ++i) {
      if (program_.outputs[i] != value) continue;
      const bool is_flat = shapes_[at(value)].is_flat;
      reorder(values_[at(value)],
              new_slot(Slot{.desc = {dims(value), Type::f32, is_flat ? Format::nc : Format::nchw},
                            .place = Slot::Place::kOutput,
                            .number = static_cast<int>(i)}));
      --use_counts_[at(value)];
    }
  }

  /// Weights of a step in a memory format, packed once for all plans.
  int constant(int step, bool is_bias, dnnl::memory plain, const Desc& wanted) {
    const std::scoped_lock lock(weights_.mutex);
    for (const auto& entry : weights_.entries)
      if (entry.step == step && entry.is_bias == is_bias && entry.memory.get_desc() == wanted)
        return new_slot(
            Slot{.desc = wanted, .place = Slot::Place::kConstant, .constant = entry.memory});
    dnnl::memory packed(wanted, onednn::engine());
    dnnl::stream stream(onednn::engine());
    dnnl::reorder(plain, packed).execute(stream, plain, packed);
    stream.wait();
    weights_.entries.push_back({step, is_bias, packed});
    return new_slot(Slot{.desc = wanted, .place = Slot::Place::kConstant, .constant = packed});
  }

  void lower(int index, const ProgramStep& step) {
    switch (step.kind) {
      case StepKind::kConvolution:
        return convolution(index, step);
      case StepKind::kLinear:
        return linear(index, step);
      case StepKind::kActivation:
        return activation(step);
      case StepKind::kResponseNorm:
        return response_norm(step);
      case StepKind::kMaxPool:
      case StepKind::kAveragePool:
        return pool(step);
      case StepKind::kAdd:
      case StepKind::kMultiply:
        return binary(step);
      case StepKind::kUpsample:
        return upsample(step);
      case StepKind::kFlatten:
        return flatten(step);
    }
  }

  void convolution(int index, const ProgramStep& step) {
    auto x = values_[at(step.inputs[0])];
    const auto in = shapes_[at(step.inputs[0])].channels, out = step.channels, k = step.kernel;
    const Dims weight_dims = step.groups == 1
                                 ? Dims{out, in, k, k}
                                 : Dims{step.groups, out / step.groups, in / step.groups, k, k};
    const Desc weight(weight_dims, type_, Format::any), bias({out}, Type::f32, Format::x);
    const onednn::Window window{.strides = {step.stride, step.stride},
                                .dilations = {step.dilation - 1, step.dilation - 1},
                                .before = {step.before, step.before},
                                .after = {step.after, step.after}};
    dnnl::post_ops ops;
    if (step.addend >= 0) ops.append_sum(1);
    if (step.activation) append(ops, *step.activation);
    const auto attributes = attributes_of(ops);

    // Winograd (Lavin and Gray 2016) needs less than half of the multiplications; with fewer
    // channels its transforms cost as much.
    using dnnl::algorithm;
    struct Candidate {
      algorithm kind;
      Desc x, y;
    };
    std::vector<Candidate> candidates = {
        {algorithm::convolution_direct, x.desc, blocked(step.output)},
        {algorithm::convolution_direct, any(step.inputs[0]), blocked(step.output)},
        {algorithm::convolution_direct, any(step.inputs[0]), any(step.output)}};
    const bool is_winograd = type_ == Type::f32 && k == 3 && step.stride == 1 &&
                             step.dilation == 1 && step.groups == 1 && std::min(in, out) >= 64;
    if (is_winograd)
      candidates.insert(candidates.begin(),
                        {algorithm::convolution_winograd, x.desc, blocked(step.output)});
    dnnl::convolution_forward::primitive_desc chosen;
    for (const auto& [kind, from, to] : candidates) {
      try {
        auto one = onednn::convolution(kind, from, weight, bias, to, window, attributes);
        if (chosen && is_slow(one.impl_info_str())) continue;
        chosen = one;
        if (!is_slow(one.impl_info_str())) break;
      } catch (const dnnl::error&) {  // this CPU or version has no such kernel
      }
    }
    CLEW_CHECK(chosen, "oneDNN has no convolution for layer ", step.output);
    if (is_winograd_faster(step, chosen.impl_info_str())) return winograd(index, step);

    x = reordered(x, chosen.src_desc());
    const Located y = addend_or_new(step, chosen.dst_desc());
    const auto plain =
        memory_of(step.weight, weight_dims, step.groups == 1 ? Format::oihw : Format::goihw);
    add(chosen, dnnl::convolution_forward(chosen),
        {{DNNL_ARG_SRC, x.slot},
         {DNNL_ARG_WEIGHTS, constant(index, false, plain, chosen.weights_desc())},
         {DNNL_ARG_BIAS,
          constant(index, true, memory_of(step.bias, {out}, Format::x), chosen.bias_desc())},
         {DNNL_ARG_DST, y.slot}});
    values_[at(step.output)] = y;
  }

  WinogradShape winograd_shape(const ProgramStep& step) const {
    const auto& map = shapes_[at(step.inputs[0])];
    return {.images = shape_.images,
            .in = map.channels,
            .out = step.channels,
            .height = map.height,
            .width = map.width,
            .dilation = step.dilation,
            .block = block_channels()};
  }
  bool is_winograd_faster(const ProgramStep& step, const char* other) const {
    constexpr double kDirectGflops = 72, kGemmGflops = 54;
    const auto shape = winograd_shape(step);
    const bool can_be = type_ == Type::f32 && step.kernel == 3 && step.stride == 1 &&
                        step.groups == 1 && step.before == step.dilation &&
                        step.after == step.dilation && shape.in % shape.block == 0 &&
                        shape.out % shape.block == 0 &&
                        (!step.activation || *step.activation == Activation::kRelu ||
                         *step.activation == Activation::kRelu6);
    if (!can_be || is_of(other, "wino")) return false;
    return winograd_pays(shape, shape_.threads, is_of(other, "gemm") ? kGemmGflops : kDirectGflops);
  }

  /// A convolution by our Winograd, where oneDNN has none: without AVX-512, from version 3 on, dilated.
  void winograd(int index, const ProgramStep& step) {
    const auto shape = winograd_shape(step);
    const auto part = [&](std::int64_t channels) {
      return Desc({1, channels, 1, shape.strip()}, Type::f32, blocked_format());
    };
    const Desc from = part(shape.in), to = part(shape.out);
    const auto chosen = onednn::convolution(
        dnnl::algorithm::convolution_direct, from,
        {{shape.out, shape.in, 1, 1}, Type::f32, Format::any}, {}, to,
        {.strides = {1, 1}, .dilations = {0, 0}, .before = {0, 0}, .after = {0, 0}},
        attributes_of({}));
    const auto x = reordered(values_[at(step.inputs[0])], blocked(step.inputs[0]));
    const Located y = addend_or_new(step, blocked(step.output));
    const auto parts_slot = [&](std::int64_t channels) {
      return new_slot(Desc({kWinogradParts * shape.part_stride(channels)}, Type::f32, Format::x));
    };
    std::vector<std::pair<int, int>> arguments = {{DNNL_ARG_SRC, x.slot},
                                                  {DNNL_ARG_DST, y.slot},
                                                  {kWinogradInput, parts_slot(shape.in)},
                                                  {kWinogradProducts, parts_slot(shape.out)}};
    add_scratchpad(chosen, arguments);
    constexpr float kNoLimit = std::numeric_limits<float>::infinity();
    add({.kind = PlanStep::Kind::kWinograd,
         .primitive = dnnl::convolution_forward(chosen),
         .arguments = std::move(arguments),
         .winograd = WinogradStep{.shape = shape,
                                  .from = from,
                                  .to = to,
                                  .weights = winograd_weights(index, step, chosen.weights_desc()),
                                  .bias = step.bias,
                                  .has_addend = step.addend >= 0,
                                  .low = step.activation ? 0 : -kNoLimit,
                                  .high = step.activation == Activation::kRelu6 ? 6 : kNoLimit}});
    values_[at(step.output)] = y;
  }

  /// Transformed weights of a step, packed once for all plans.
  std::vector<dnnl::memory> winograd_weights(int index, const ProgramStep& step,
                                             const Desc& wanted) {
    const std::scoped_lock lock(weights_.mutex);
    for (const auto& entry : weights_.winograd)
      if (entry.step == index && entry.desc == wanted) return entry.parts;
    const auto transformed = winograd_weight(step.weight);
    const Dims dims = {transformed.size(1), transformed.size(2), 1, 1};
    std::vector<dnnl::memory> parts;
    dnnl::stream stream(onednn::engine());
    for (std::int64_t k = 0; k < kWinogradParts; ++k) {
      auto plain = memory_of(transformed[k], dims, Format::oihw);
      auto& packed = parts.emplace_back(wanted, onednn::engine());
      dnnl::reorder(plain, packed).execute(stream, plain, packed);
    }
    stream.wait();
    weights_.winograd.push_back({index, wanted, parts});
    return parts;
  }

  /// Destination of a convolution, initialised with the addend: the addend's own memory if it has
  /// no later reader.
  Located addend_or_new(const ProgramStep& step, const Desc& desc) {
    if (step.addend < 0) return {new_slot(desc), desc};
    const auto& addend = values_[at(step.addend)];
    const bool is_last = use_counts_[at(step.addend)] == 1;
    if (is_last && addend.desc == desc && !plan_.buffers[at(slot_of(addend).number)].is_shared)
      return addend;
    const Located y{new_slot(desc), desc};
    reorder(addend, y.slot);
    return y;
  }

  void linear(int index, const ProgramStep& step) {
    const auto in = shapes_[at(step.inputs[0])].channels, out = step.channels;
    dnnl::post_ops ops;
    if (step.activation) append(ops, *step.activation);
    const Desc y({shape_.images, out}, type_, Format::nc);
    const auto chosen = onednn::linear(Desc(dims(step.inputs[0]), type_, Format::nc),
                                       Desc({out, in}, type_, Format::any),
                                       Desc({out}, Type::f32, Format::x), y, attributes_of(ops));
    const auto x = reordered(values_[at(step.inputs[0])], chosen.src_desc());
    const Located to{new_slot(y), y};
    add(chosen, dnnl::inner_product_forward(chosen),
        {{DNNL_ARG_SRC, x.slot},
         {DNNL_ARG_WEIGHTS, constant(index, false, memory_of(step.weight, {out, in}, Format::oi),
                                     chosen.weights_desc())},
         {DNNL_ARG_BIAS,
          constant(index, true, memory_of(step.bias, {out}, Format::x), chosen.bias_desc())},
         {DNNL_ARG_DST, to.slot}});
    values_[at(step.output)] = to;
  }

  void activation(const ProgramStep& step) {
    const auto x = values_[at(step.inputs[0])];
    const Located y{new_slot(x.desc), x.desc};
    int from = x.slot;
    for (const auto& one : elementwise(*step.activation)) {
      const auto chosen = onednn::eltwise(one.kind, x.desc, one.alpha, one.beta, attributes_of({}));
      add(chosen, dnnl::eltwise_forward(chosen), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, y.slot}});
      from = y.slot;
    }
    values_[at(step.output)] = y;
  }

  void response_norm(const ProgramStep& step) {
    const auto x = reordered(values_[at(step.inputs[0])], blocked(step.inputs[0]));
    const auto chosen = onednn::response_norm(x.desc, step.kernel, static_cast<float>(step.alpha),
                                              static_cast<float>(step.beta), attributes_of({}));
    const Located y{new_slot(x.desc), x.desc};
    add(chosen, dnnl::lrn_forward(chosen), {{DNNL_ARG_SRC, x.slot}, {DNNL_ARG_DST, y.slot}});
    values_[at(step.output)] = y;
  }

  void pool(const ProgramStep& step) {
    const auto &from = shapes_[at(step.inputs[0])], &to = shapes_[at(step.output)];
    const bool is_average = step.kind == StepKind::kAveragePool;
    if (is_average && (from.height % to.height != 0 || from.width % to.width != 0))
      return adaptive_pool(step);
    const auto x = values_[at(step.inputs[0])];
    onednn::Window window{.strides = {step.stride, step.stride},
                          .dilations = {step.dilation - 1, step.dilation - 1},
                          .before = {step.before, step.before},
                          .after = {step.after, step.after},
                          .kernel = {step.kernel, step.kernel}};
    if (is_average) {
      window = {.strides = {from.height / to.height, from.width / to.width},
                .dilations = {0, 0},
                .before = {0, 0},
                .after = {0, 0}};
      window.kernel = window.strides;
    }
    const auto chosen = onednn::pooling(
        is_average ? dnnl::algorithm::pooling_avg_exclude_padding : dnnl::algorithm::pooling_max,
        x.desc, any(step.output), window, attributes_of({}));
    const Desc desc = chosen.dst_desc();
    const Located y{new_slot(desc), desc};
    add(chosen, onednn::Pooling(chosen), {{DNNL_ARG_SRC, x.slot}, {DNNL_ARG_DST, y.slot}});
    values_[at(step.output)] = y;
  }

  /// Non-uniform windows, by LibTorch.
  void adaptive_pool(const ProgramStep& step) { by_libtorch(step, PlanStep::Kind::kAdaptivePool); }

  void upsample(const ProgramStep& step) {
    const auto &from = shapes_[at(step.inputs[0])], &to = shapes_[at(step.output)];
    // The nearest elements of oneDNN and LibTorch are the same where factors are whole numbers.
    if (to.height % from.height != 0 || to.width % from.width != 0)
      return by_libtorch(step, PlanStep::Kind::kUpsample);
    const auto x = reordered(values_[at(step.inputs[0])], blocked(step.inputs[0]));
    const auto chosen = onednn::resampling(dnnl::algorithm::resampling_nearest, x.desc,
                                           blocked(step.output), attributes_of({}));
    const Desc desc = chosen.dst_desc();
    const Located y{new_slot(desc), desc};
    add(chosen, dnnl::resampling_forward(chosen), {{DNNL_ARG_SRC, x.slot}, {DNNL_ARG_DST, y.slot}});
    values_[at(step.output)] = y;
  }

  void by_libtorch(const ProgramStep& step, PlanStep::Kind kind) {
    const auto x =
        reordered(values_[at(step.inputs[0])], Desc(dims(step.inputs[0]), Type::f32, Format::nchw));
    const Desc desc(dims(step.output), Type::f32, Format::nchw);
    const Located y{new_slot(desc), desc};
    add({.kind = kind,
         .arguments = {{DNNL_ARG_SRC, x.slot}, {DNNL_ARG_DST, y.slot}},
         .from = dims(step.inputs[0]),
         .to = dims(step.output)});
    values_[at(step.output)] = reordered(y, Desc(dims(step.output), type_, Format::nchw));
  }

  void binary(const ProgramStep& step) {
    const auto a = values_[at(step.inputs[0])];
    const auto kind =
        step.kind == StepKind::kAdd ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul;
    dnnl::post_ops ops;
    if (step.activation) append(ops, *step.activation);
    const auto &one = shapes_[at(step.inputs[0])], &other = shapes_[at(step.inputs[1])];
    const bool is_spread = one.height != other.height || one.width != other.width;
    if (!is_spread) {
      const auto b = reordered(values_[at(step.inputs[1])], a.desc);
      const auto chosen = onednn::binary(kind, a.desc, b.desc, a.desc, attributes_of(ops));
      const Located y{new_slot(a.desc), a.desc};
      add(chosen, dnnl::binary(chosen),
          {{DNNL_ARG_SRC_0, a.slot}, {DNNL_ARG_SRC_1, b.slot}, {DNNL_ARG_DST, y.slot}});
      values_[at(step.output)] = y;
      return;
    }
    CLEW_CHECK(other.height == 1 && other.width == 1, "layer ", step.output,
               " takes maps of one size or of one element, got ", one.height, " x ", one.width,
               " and ", other.height, " x ", other.width);
    // Per image: kernels exist for per-channel factors of one image, not of several.
    const auto wide = reordered(a, blocked(step.inputs[0]));
    const auto narrow = reordered(values_[at(step.inputs[1])], blocked(step.inputs[1]));
    const auto of_one = [&](const ValueShape& shape) {
      return Desc({1, shape.channels, shape.height, shape.width}, type_, blocked_format());
    };
    const Desc wide_one = of_one(one), narrow_one = of_one(other);
    const auto chosen = onednn::binary(kind, wide_one, narrow_one, wide_one, attributes_of(ops));
    const Located y{new_slot(wide.desc), wide.desc};
    for (std::size_t i = 0; i < static_cast<std::size_t>(shape_.images); ++i) {
      const auto part = [&](const Located& whole, const Desc& desc) {
        Slot slot = slot_of(whole);
        slot.desc = desc;
        slot.offset += i * desc.get_size();
        return new_slot(std::move(slot));
      };
      add(chosen, dnnl::binary(chosen),
          {{DNNL_ARG_SRC_0, part(wide, wide_one)},
           {DNNL_ARG_SRC_1, part(narrow, narrow_one)},
           {DNNL_ARG_DST, part(y, wide_one)}});
    }
    values_[at(step.output)] = y;
  }

  void flatten(const ProgramStep& step) {
    const auto x =
        reordered(values_[at(step.inputs[0])], Desc(dims(step.inputs[0]), type_, Format::nchw));
    Slot flat = slot_of(x);
    plan_.buffers[at(flat.number)].is_shared = true;
    flat.desc = Desc(dims(step.output), type_, Format::nc);
    const Desc desc = flat.desc;
    values_[at(step.output)] = {new_slot(std::move(flat)), desc};
  }

  Plan::Impl& plan_;
  const Program& program_;
  PlanShape shape_;
  Type type_;
  PackedWeights::Impl& weights_;
  std::vector<ValueShape> shapes_;
  std::vector<int> use_counts_;  // remaining uses by value
  std::vector<Located> values_;
};

std::unique_ptr<Plan::Impl::Workspace> Plan::Impl::new_workspace() const {
  auto workspace = std::make_unique<Workspace>();
  const auto bytes = [](std::size_t count) {
    return torch::empty({static_cast<std::int64_t>(std::max(count, kAlignment))}, torch::kUInt8);
  };
  workspace->arena = bytes(arena_bytes);
  workspace->scratchpad = bytes(scratchpad_bytes);
  for (const auto& slot : slots) {
    if (slot.place == Slot::Place::kConstant) {
      workspace->memories.push_back(slot.constant);
      continue;
    }
    void* data = DNNL_MEMORY_NONE;
    if (slot.place == Slot::Place::kArena)
      data = workspace->arena.data_ptr<std::uint8_t>() +
             buffers[static_cast<std::size_t>(slot.number)].offset + slot.offset;
    if (slot.place == Slot::Place::kScratchpad) data = workspace->scratchpad.data_ptr();
    workspace->memories.emplace_back(slot.desc, onednn::engine(), data);
  }
  for (const auto& step : steps) {
    auto& arguments = workspace->arguments.emplace_back();
    for (const auto& [argument, slot] : step.arguments)
      arguments.emplace(argument, workspace->memories[static_cast<std::size_t>(slot)]);
  }
  return workspace;
}

/// from [images,3,height,width] f32 of any strides -> (from - mean) / deviation, contiguous.
void Plan::Impl::normalise(const torch::Tensor& from, float* to) const {
  const auto *scales = scale.data_ptr<float>(), *shifts = shift.data_ptr<float>();
  const auto step = from.stride(3);
  at::parallel_for(0, images * 3 * height, 64, [&](std::int64_t begin, std::int64_t end) {
    for (auto row = begin; row < end; ++row) {
      const auto y = row % height, c = row / height % 3, image = row / height / 3;
      const float* in =
          from.data_ptr<float>() + image * from.stride(0) + c * from.stride(1) + y * from.stride(2);
      float* out = to + row * width;
      const float factor = scales[c], offset = shifts[c];
      if (step == 1) {  // vectorisable
        for (std::int64_t x = 0; x < width; ++x) out[x] = in[x] * factor + offset;
      } else {
        for (std::int64_t x = 0; x < width; ++x) out[x] = in[x * step] * factor + offset;
      }
    }
  });
}

namespace {

void run_winograd(const PlanStep& step, const std::unordered_map<int, dnnl::memory>& arguments,
                  const dnnl::stream& stream) {
  const auto& own = *step.winograd;
  const auto& shape = own.shape;
  const auto floats = [&](int argument) {
    return static_cast<float*>(arguments.at(argument).get_data_handle());
  };
  float *const input = floats(kWinogradInput), *const products = floats(kWinogradProducts);
  std::unordered_map<int, dnnl::memory> part = {
      {DNNL_ARG_SRC, {own.from, onednn::engine(), input}},
      {DNNL_ARG_WEIGHTS, own.weights[0]},
      {DNNL_ARG_DST, {own.to, onednn::engine(), products}}};
  if (const auto scratchpad = arguments.find(DNNL_ARG_SCRATCHPAD); scratchpad != arguments.end())
    part.insert(*scratchpad);
  const WinogradEnd end{.bias = own.bias.data_ptr<float>(),
                        .has_addend = own.has_addend,
                        .low = own.low,
                        .high = own.high};
  for (std::int64_t first = 0; first < shape.tiles(); first += shape.strip()) {
    winograd_input(shape, floats(DNNL_ARG_SRC), first, input);
    for (std::int64_t k = 0; k < kWinogradParts; ++k) {
      part.at(DNNL_ARG_SRC).set_data_handle(input + k * shape.part_stride(shape.in));
      part.at(DNNL_ARG_WEIGHTS) = own.weights[static_cast<std::size_t>(k)];
      part.at(DNNL_ARG_DST).set_data_handle(products + k * shape.part_stride(shape.out));
      step.primitive.execute(stream, part);
    }
    winograd_output(shape, products, first, end, floats(DNNL_ARG_DST));
  }
}

}  // namespace

Plan::Plan(const Program& program, const PlanShape& shape, const ops::ChannelStatistics& statistics,
           ops::Precision precision, PackedWeights& weights)
    : impl_(std::make_unique<Impl>()) {
  impl_->images = shape.images;
  impl_->height = shape.height;
  impl_->width = shape.width;
  impl_->scale = torch::ones({3});
  impl_->shift = torch::zeros({3});
  for (std::size_t c = 0; c < statistics.mean.size(); ++c) {
    impl_->scale.data_ptr<float>()[c] = static_cast<float>(1 / statistics.deviation[c]);
    impl_->shift.data_ptr<float>()[c] =
        static_cast<float>(-statistics.mean[c] / statistics.deviation[c]);
  }
  const auto type = precision == ops::Precision::kBf16 ? Type::bf16 : Type::f32;
  try {
    PlanBuilder(*impl_, program, shape, type, weights).build();
  } catch (const dnnl::error& error) {
    throw Error(concat("oneDNN cannot compute this network: ", error.what()));
  }
}
Plan::~Plan() = default;

void Plan::run(const torch::Tensor& images, const std::vector<float*>& outputs) const {
  std::unique_ptr<Impl::Workspace> workspace;
  {
    const std::scoped_lock lock(impl_->mutex);
    if (!impl_->idle.empty()) {
      workspace = std::move(impl_->idle.back());
      impl_->idle.pop_back();
    }
  }
  if (!workspace) workspace = impl_->new_workspace();
  for (std::size_t i = 0; i < impl_->slots.size(); ++i) {
    const auto& slot = impl_->slots[i];
    if (slot.place == Slot::Place::kOutput)
      workspace->memories[i].set_data_handle(outputs[static_cast<std::size_t>(slot.number)]);
  }
  dnnl::stream stream(onednn::engine());
  for (std::size_t i = 0; i < impl_->steps.size(); ++i) {
    const auto& step = impl_->steps[i];
    const auto& arguments = workspace->arguments[i];
    switch (step.kind) {
      case PlanStep::Kind::kPrimitive:
        step.primitive.execute(stream, arguments);
        break;
      case PlanStep::Kind::kWinograd:
        run_winograd(step, arguments, stream);
        break;
      case PlanStep::Kind::kNormalise:
        impl_->normalise(images, static_cast<float*>(arguments.at(DNNL_ARG_DST).get_data_handle()));
        break;
      case PlanStep::Kind::kAdaptivePool:
      case PlanStep::Kind::kUpsample: {
        const auto tensor = [&](int argument, const Dims& dims) {
          return torch::from_blob(arguments.at(argument).get_data_handle(), dims);
        };
        const auto x = tensor(DNNL_ARG_SRC, step.from);
        const std::array<std::int64_t, 2> size = {step.to[2], step.to[3]};
        tensor(DNNL_ARG_DST, step.to)
            .copy_(step.kind == PlanStep::Kind::kUpsample ? torch::upsample_nearest2d(x, size)
                                                          : torch::adaptive_avg_pool2d(x, size));
        break;
      }
    }
  }
  stream.wait();
  const std::scoped_lock lock(impl_->mutex);
  impl_->idle.push_back(std::move(workspace));
}

}  // namespace clew::nn
