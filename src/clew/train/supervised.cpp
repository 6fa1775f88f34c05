// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised.h"

#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <sstream>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/pool.h"
#include "clew/data/loader.h"
#include "clew/nn/flat.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/ops/autocast.h"
#include "clew/train/optimizer.h"
#include "clew/train/processes.h"
#include "clew/train/run_folder.h"
#include "clew/train/schedule.h"

namespace clew::train {
namespace {

constexpr const char* kFormat = "clew.supervised.checkpoint.1";
constexpr std::uint64_t kKeyWeights = 0, kKeyTrain = 1, kKeyTest = 2, kKeyTrainLoss = 3,
                        kKeyTestLoss = 4;

/// Weighted means of named numbers.
struct Means {
  std::vector<std::string> names;
  std::vector<double> sums;
  double weight = 0;

  void add(const std::vector<Metric>& metrics, double share) {
    if (names.empty()) {
      for (const auto& metric : metrics) names.push_back(metric.name);
      sums.assign(names.size(), 0);
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      CLEW_ASSERT(metrics.at(i).name == names[i]);
      sums[i] += metrics[i].value.value_or(std::nan("")) * share;
    }
    weight += share;
  }
  /// NaN where nothing was added.
  std::vector<Metric> get(const std::string& prefix = "") const {
    std::vector<Metric> metrics;
    for (std::size_t i = 0; i < names.size(); ++i)
      metrics.push_back({prefix + names[i], sums[i] / weight});
    return metrics;
  }
  void clear() {
    sums.assign(names.size(), 0);
    weight = 0;
  }
};

/// What came out of one slice of a batch.
struct Slice {
  double share = 0;  // of the batch; 0: the slice was empty
  std::vector<Metric> metrics;
};

struct Worker {
  std::shared_ptr<torch::nn::Module> network;
  nn::FlatParameters flat;
  Slice slice;  // its last one
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}
std::vector<std::string> parted(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find(',', begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

/// What the workers' slices gave, for the other processes: a line each, numbers without rounding.
std::string packed(const std::vector<Worker>& workers) {
  std::string words;
  const auto put = [&](double number) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::hex).ptr;
    words.append(text, end);
  };
  for (const auto& worker : workers) {
    put(worker.slice.share);
    for (const auto& metric : worker.slice.metrics) {
      words += ' ' + metric.name + ' ';
      put(metric.value.value_or(std::nan("")));
    }
    words += '\n';
  }
  return words;
}
std::vector<Slice> unpacked(const std::string& words) {
  std::vector<Slice> slices;
  std::istringstream lines(words);
  const auto number = [](const std::string& text) {
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex);
    return value;
  };
  for (std::string line; std::getline(lines, line);) {
    std::istringstream parts(line);
    std::string name, value;
    parts >> value;
    Slice slice{.share = number(value)};
    while (parts >> name >> value) slice.metrics.push_back({name, number(value)});
    slices.push_back(std::move(slice));
  }
  return slices;
}

void read_buffers(torch::nn::Module& network, const nn::TensorFile& file, const std::string& name) {
  const torch::NoGradGuard no_grad;
  for (auto& item : network.named_buffers()) {
    auto& buffer = item.value();
    buffer.copy_(
        nn::read_tensor(file, "network." + item.key(), buffer.scalar_type(), buffer.sizes(), name));
  }
}

}  // namespace

void SupervisedOptions::fields(Fields& v) {
  v("steps", steps, {.min = 1, .max = 1'000'000'000'000, .help = "optimiser steps to train for"});
  v("batch", batch, {.min = 1, .max = 1'000'000, .help = "examples in a step"});
  v("workers", workers,
    {.min = 1,
     .max = 256,
     .help = "worker threads, each with its slice of a batch; the weights depend on it"});
  v("loaders", loaders,
    {.min = 0, .max = 256, .help = "threads that make batches ahead of time; 0: none"});
  v("precision", precision,
    {.choices = {"auto", "fp32", "bf16"},
     .help = "operands of products while training; auto: the faster on this machine"});
  v("optimizer", optimizer,
    {.choices = {"sgd", "rmsprop", "adam", "adamw"}, .help = "how gradients become steps"});
  v("lr", lr, {.min = 0, .max = 100, .help = "learning rate after the warm-up"});
  v("lr_end", lr_end,
    {.min = 0, .max = 100, .help = "learning rate at the end (linear, cosine), lowest (step)"});
  v("schedule", schedule,
    {.choices = {"constant", "linear", "cosine", "step"}, .help = "how the learning rate moves"});
  v("warmup", warmup, {.min = 0, .help = "steps in which the learning rate climbs at first"});
  v("step_every", step_every, {.min = 1, .help = "steps between changes of the rate (step)"});
  v("step_factor", step_factor, {.min = 0, .max = 1, .help = "factor of such a change"});
  v("momentum", momentum, {.min = 0, .below = 1.0, .help = "of SGD and RMSProp; Adam's beta 1"});
  v("decay", decay,
    {.min = 0, .below = 1.0, .help = "of the mean squared gradient; Adam's beta 2"});
  v("eps", eps, {.above = 0.0, .max = 10, .help = "added to the mean squared gradient's root"});
  v("weight_decay", weight_decay, {.min = 0, .max = 10, .help = "pull of the weights to zero"});
  v("clip", clip, {.min = 0, .max = 1e9, .help = "largest norm of the gradient; 0: no limit"});
  v("ema", ema,
    {.min = 0,
     .below = 1.0,
     .help = "decay of the weights' moving average, which is evaluated; 0: none"});
  v("eval_steps", eval_steps, {.min = 1, .help = "steps between evaluations on the test set"});
  v("patience", patience,
    {.min = 0, .help = "evaluations without a better one before it stops; 0: never"});
  v("log_steps", log_steps, {.min = 1, .help = "steps between lines of metrics.jsonl"});
  v("checkpoint_seconds", checkpoint_seconds,
    {.min = 0, .max = 1e6, .help = "seconds between checkpoints"});
}

SupervisedOptions SupervisedOptions::resolved() const {
  auto made = *this;
  made.precision = ops::resolve_precision(precision, ops::Products::kLibTorch);
  return made;
}

std::vector<ParameterGroup> Task::groups(const torch::nn::Module& /*network*/) const { return {}; }

void check_training(const Task& task, const SupervisedOptions& options, int processes) {
  if (options.batch < options.workers * processes) {
    throw UsageError(concat("train.batch must be at least train.workers (", options.workers,
                            processes == 1 ? "" : concat(" in each of ", processes, " processes"),
                            "), got ", options.batch));
  }
  if (options.batch > task.train_set().size()) {
    throw UsageError(concat("train.batch must be at most the number of examples (",
                            task.train_set().size(), "), got ", options.batch));
  }
  (void)parse_optimizer(options.optimizer);
  if (parse_schedule(options.schedule) == ScheduleKind::kStep && options.lr_end > options.lr) {
    throw UsageError(
        concat("train.lr_end, below which train.schedule = step does not go, must be at "
               "most train.lr (",
               options.lr, "), got ", options.lr_end));
  }
}

struct Supervised::Impl {
  Impl(const Task& the_task, const SupervisedOptions& the_options, Key the_key,
       Processes* the_processes);

  Worker make_worker(const nn::FlatParameters* shared) const;
  OptimizerOptions optimizer_options() const;
  /// Runs this process's part of the next batch through the networks and gives its slices, one a
  /// worker.
  std::string run_slices(data::Loader& loader, bool is_learning);
  /// The slices of all processes in the order they have in their batches; `make` gives this one's.
  std::vector<Slice> gather_slices(const std::function<std::string()>& make);
  /// Buffers such as running means belong to each worker; the first one's are the network's.
  void spread_buffers();
  /// Those of the first process's network everywhere.
  void share_buffers();

  const Task& task;
  SupervisedOptions options;
  Key key;
  ops::Precision precision;
  Processes one;  // where there are no others
  Processes& processes;
  Schedule schedule;
  std::vector<Worker> workers;
  ThreadPool pool;
  Optimizer optimizer;
  data::Loader train, test;
  torch::Tensor ema;  // [P] f32, undefined without
  std::int64_t steps = 0;
  Means train_means, test_means;
  double grad_norm_sum = 0, grad_norm_count = 0;
  double best = std::numeric_limits<double>::infinity();
  std::int64_t evaluations_since_best = 0;
  bool is_best = false;
  std::function<void(double)> watch;  // over evaluations
};

Supervised::Impl::Impl(const Task& the_task, const SupervisedOptions& the_options, Key the_key,
                       Processes* the_processes)
    : task(the_task),
      options(the_options),
      key(the_key),
      precision(ops::parse_precision(options.precision, ops::Products::kLibTorch)),
      processes(the_processes == nullptr ? one : *the_processes),
      schedule{.kind = parse_schedule(options.schedule),
               .lr = options.lr,
               .lr_end = options.lr_end,
               .warmup = options.warmup,
               .steps = options.steps,
               .step_every = options.step_every,
               .step_factor = options.step_factor},
      workers([&] {
        check_training(task, options, processes.size());
        at::set_num_threads(1);
        std::vector<Worker> made;
        made.push_back(make_worker(nullptr));
        while (made.size() < static_cast<std::size_t>(options.workers))
          made.push_back(make_worker(&made[0].flat));
        return made;
      }()),
      pool(options.workers),
      optimizer(optimizer_options(), workers[0].flat.values),
      train(task.train_set(), {.batch_size = options.batch,
                               .drops_last = true,
                               .key = split(key, kKeyTrain),
                               .workers = options.loaders,
                               .part = processes.rank(),
                               .parts = processes.size()}),
      test(task.test_set(), {.batch_size = options.batch,
                             .is_shuffled = false,
                             .key = split(key, kKeyTest),
                             .workers = options.loaders,
                             .part = processes.rank(),
                             .parts = processes.size()}) {
  if (options.ema > 0) ema = workers[0].flat.values.clone();
}

Worker Supervised::Impl::make_worker(const nn::FlatParameters* shared) const {
  Worker worker;
  torch::manual_seed(split(key, kKeyWeights).value);
  worker.network = task.make_network();
  worker.flat =
      shared == nullptr ? nn::flatten(*worker.network) : nn::share(*worker.network, *shared);
  return worker;
}

OptimizerOptions Supervised::Impl::optimizer_options() const {
  OptimizerOptions made{.kind = parse_optimizer(options.optimizer),
                        .decay = options.decay,
                        .eps = options.eps,
                        .momentum = options.momentum,
                        .weight_decay = options.weight_decay};
  const auto groups = task.groups(*workers[0].network);
  if (groups.empty()) return made;
  const auto& flat = workers[0].flat;
  made.lr_factors = torch::ones_like(flat.values);
  made.decay_factors = torch::ones_like(flat.values);
  for (std::size_t i = 0; i < flat.entries.size(); ++i) {
    const auto& entry = flat.entries[i];
    const ParameterGroup* found = nullptr;
    for (const auto& group : groups) {
      if (entry.name.starts_with(group.prefix) &&
          (found == nullptr || group.prefix.size() > found->prefix.size()))
        found = &group;
    }
    if (found == nullptr) continue;
    made.lr_factors.narrow(0, entry.offset, entry.size).fill_(found->lr_factor);
    made.decay_factors.narrow(0, entry.offset, entry.size).fill_(found->decay_factor);
    if (found->lr_factor != 0) continue;
    for (const auto& worker : workers)  // frozen: no gradient is computed
      worker.network->named_parameters()[entry.name].set_requires_grad(false);
  }
  return made;
}

std::string Supervised::Impl::run_slices(data::Loader& loader, bool is_learning) {
  const std::int64_t position = loader.position(), count = loader.size_of(position);
  const Key losses =
      split(key, is_learning ? kKeyTrainLoss : kKeyTestLoss, static_cast<std::uint64_t>(position));
  const auto batch = loader.next();
  const auto part = share_of(count, processes.rank(), processes.size());
  const int first = processes.rank() * options.workers;
  pool.run([&](int i) {
    at::init_num_threads();  // OpenMP's number of threads belongs to the thread that asks for it
    auto& worker = workers[static_cast<std::size_t>(i)];
    const Share share = share_of(count, first + i, processes.size() * options.workers);
    auto& slice = worker.slice;
    slice.share = static_cast<double>(share.end - share.begin) / static_cast<double>(count);
    if (is_learning) worker.flat.gradients.zero_();
    slice.metrics.clear();
    if (share.begin == share.end) return;
    const Share own{share.begin - part.begin, share.end - part.begin};
    const torch::AutoGradMode grad_mode(is_learning);
    worker.network->train(is_learning);
    const Loss loss = [&] {
      const ops::Autocast autocast(is_learning ? precision : ops::Precision::kFp32);
      return task.loss(*worker.network, batch.slice(own.begin, own.end),
                       split(losses, static_cast<std::uint64_t>(first + i)));
    }();
    slice.metrics = loss.metrics;
    if (!is_learning) return;
    const double value = loss.value.item<double>();
    CLEW_CHECK(std::isfinite(value), "the loss is ", std::isnan(value) ? "nan" : "infinite");
    (loss.value * slice.share).backward();
  });
  return packed(workers);
}

std::vector<Slice> Supervised::Impl::gather_slices(const std::function<std::string()>& make) {
  std::vector<std::vector<Slice>> of;  // each process
  for (const auto& words : processes.gather(make)) of.push_back(unpacked(words));
  std::vector<Slice> all;
  const auto count = static_cast<std::size_t>(options.workers);
  for (std::size_t begin = 0; begin < of[0].size(); begin += count)
    for (auto& slices : of)
      for (std::size_t i = 0; i < count; ++i) all.push_back(std::move(slices.at(begin + i)));
  return all;
}

void Supervised::Impl::share_buffers() {
  if (processes.size() > 1) {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> buffers;
    for (auto& item : workers[0].network->named_buffers()) buffers.push_back(item.value());
    const auto all = processes.from_first([&] {
      std::string words;
      for (const auto& buffer : buffers) {
        const auto plain = buffer.contiguous();
        words.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
      }
      return words;
    });
    const char* from = all.data();
    for (auto& buffer : buffers) {
      const auto plain = torch::empty(buffer.sizes(), buffer.scalar_type());
      std::memcpy(plain.data_ptr(), from, plain.nbytes());
      from += plain.nbytes();
      buffer.copy_(plain);
    }
  }
  spread_buffers();
}

void Supervised::Impl::spread_buffers() {
  const torch::NoGradGuard no_grad;
  const auto first = workers[0].network->named_buffers();
  for (std::size_t i = 1; i < workers.size(); ++i)
    for (auto& item : workers[i].network->named_buffers()) item.value().copy_(first[item.key()]);
}

Supervised::Supervised(const Task& task, const SupervisedOptions& options, Key key,
                       Processes* processes)
    : impl_(std::make_unique<Impl>(task, options, key, processes)) {}
Supervised::~Supervised() = default;

Processes* Supervised::processes() const { return &impl_->processes; }

std::int64_t Supervised::steps() const { return impl_->steps; }
bool Supervised::is_best() const { return impl_->is_best; }
void Supervised::watch_evaluations(std::function<void(double)> watch) {
  impl_->watch = std::move(watch);
}
bool Supervised::is_finished() const {
  const auto& self = *impl_;
  return self.steps >= self.options.steps ||
         (self.options.patience > 0 && self.evaluations_since_best >= self.options.patience);
}

std::string Supervised::early_end() const {
  const auto& self = *impl_;
  if (!is_finished() || self.steps >= self.options.steps) return {};
  return concat("no better evaluation within train.patience = ", self.options.patience);
}

void Supervised::update() {
  auto& self = *impl_;
  self.is_best = false;
  const auto& flat = self.workers[0].flat;
  std::vector<Slice> slices;
  try {
    slices = self.gather_slices([&] { return self.run_slices(self.train, true); });
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> gradients;
    for (const auto& worker : self.workers) gradients.push_back(worker.flat.gradients);
    sum_in_pairs(gradients);
    self.processes.sum(flat.gradients);
    const double norm = clip_norm(flat.gradients, self.options.clip);
    CLEW_CHECK(std::isfinite(norm), "the gradient's norm is ",
               std::isnan(norm) ? "nan" : "infinite");
    self.grad_norm_sum += norm;
    self.grad_norm_count += 1;
    self.optimizer.step(flat.values, flat.gradients, self.schedule.at(self.steps));
    if (self.ema.defined()) {
      // A short memory at first, so that the average does not hold on to the untrained weights.
      const auto made = static_cast<double>(self.steps);
      self.ema.lerp_(flat.values, 1 - std::min(self.options.ema, (1 + made) / (10 + made)));
    }
  } catch (const Error& error) {
    throw Error(concat("training stopped at step ", self.steps, ": ", error.what()));
  }
  for (const auto& slice : slices)
    if (slice.share > 0) self.train_means.add(slice.metrics, slice.share);
  ++self.steps;
  if (self.steps % self.options.eval_steps != 0 && self.steps < self.options.steps) return;

  const auto metrics = evaluate();
  self.test_means = {};
  self.test_means.add(metrics, 1);
  const std::string goal = self.task.goal();
  for (const auto& metric : metrics) {
    if (metric.name != goal) continue;
    self.is_best = *metric.value < self.best;
    if (self.is_best) self.best = *metric.value;
  }
  self.evaluations_since_best = self.is_best ? 0 : self.evaluations_since_best + 1;
}

torch::nn::Module& Supervised::network() { return *impl_->workers[0].network; }

void Supervised::with_evaluated_weights(const std::function<void()>& look) {
  const auto& ema = impl_->ema;
  if (!ema.defined()) return look();
  const torch::NoGradGuard no_grad;
  struct Swap {
    Swap(const torch::Tensor& the_values, const torch::Tensor& other)
        : values(the_values), kept(values.clone()) {
      values.copy_(other);
    }
    ~Swap() { values.copy_(kept); }
    Swap(const Swap&) = delete;
    Swap& operator=(const Swap&) = delete;
    torch::Tensor values, kept;
  };
  const Swap swap(impl_->workers[0].flat.values, ema);
  look();
}

std::vector<Metric> Supervised::evaluate() {
  auto& self = *impl_;
  self.share_buffers();
  std::vector<Slice> slices;
  with_evaluated_weights([&] {
    slices = self.gather_slices([&] {
      std::string words;
      self.test.seek(0);
      const auto batches = self.test.batches_per_epoch();
      for (std::int64_t i = 0; i < batches; ++i) {
        words += self.run_slices(self.test, false);
        if (self.watch) self.watch(static_cast<double>(i + 1) / static_cast<double>(batches));
      }
      return words;
    });
  });
  Means means;
  const auto in_batch = static_cast<std::size_t>(self.processes.size() * self.options.workers);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const auto batch = static_cast<std::int64_t>(i / in_batch);
    if (slices[i].share > 0)
      means.add(slices[i].metrics, slices[i].share * static_cast<double>(self.test.size_of(batch)));
  }
  return means.get();
}

std::vector<Metric> Supervised::take_metrics() {
  auto& self = *impl_;
  std::vector<Metric> metrics{{"epoch", static_cast<double>(self.steps) /
                                            static_cast<double>(self.train.batches_per_epoch())}};
  for (auto& metric : self.train_means.get()) metrics.push_back(std::move(metric));
  if (self.test_means.names.empty()) self.test_means.names = self.train_means.names;
  if (self.test_means.sums.empty()) self.test_means.clear();
  for (auto& metric : self.test_means.get("test_")) metrics.push_back(std::move(metric));
  metrics.push_back({"grad_norm", self.grad_norm_sum / self.grad_norm_count});
  metrics.push_back({"lr", self.schedule.at(std::max<std::int64_t>(0, self.steps - 1))});
  self.train_means.clear();
  self.test_means.clear();
  self.grad_norm_sum = self.grad_norm_count = 0;
  return metrics;
}

std::vector<std::byte> Supervised::checkpoint(
    const std::map<std::string, std::string>& about) const {
  const auto& self = *impl_;
  nn::TensorFileBuilder out;
  for (const auto& [key, value] : about) out.set(key, value);
  out.set("clew.format", kFormat);
  out.set("train_metrics", joined(self.train_means.names));
  out.set("test_metrics", joined(self.test_means.names));
  const auto& flat = self.workers[0].flat;
  for (const auto& entry : flat.entries) {
    const auto part = [&](const torch::Tensor& all) {
      return all.narrow(0, entry.offset, entry.size).view(entry.shape);
    };
    out.add("network." + entry.name, part(flat.values));
    if (self.ema.defined()) out.add("ema." + entry.name, part(self.ema));
  }
  for (const auto& item : self.workers[0].network->named_buffers())
    out.add("network." + item.key(), item.value());
  for (const auto& [name, tensor] : self.optimizer.state()) out.add(name, tensor);
  const auto add_means = [&](const std::string& name, const Means& means) {
    auto numbers = means.sums;
    numbers.resize(means.names.size());
    numbers.push_back(means.weight);
    out.add(name, torch::tensor(torch::ArrayRef<double>(numbers), torch::kFloat64));
  };
  add_means("meters.train", self.train_means);
  add_means("meters.test", self.test_means);
  out.add("meters.rest",
          torch::tensor({self.grad_norm_sum, self.grad_norm_count, self.best}, torch::kFloat64));
  out.add("counters", torch::tensor({self.steps, self.evaluations_since_best}, torch::kInt64));
  return out.finish();
}

void Supervised::restore(std::span<const std::byte> bytes, const std::string& name) {
  auto& self = *impl_;
  const torch::NoGradGuard no_grad;
  const auto file = parse_checkpoint(bytes, name, kFormat);
  if (self.precision == ops::Precision::kBf16 && !ops::has_bf16())
    log(LogLevel::kWarning,
        "train.precision = bf16, but this CPU has none and goes on with fp32: other bytes");
  const auto& flat = self.workers[0].flat;
  for (const auto& entry : flat.entries) {
    const auto read = [&](const std::string& prefix, const torch::Tensor& all) {
      all.narrow(0, entry.offset, entry.size)
          .copy_(nn::read_tensor(file, prefix + entry.name, torch::kFloat32, entry.shape, name)
                     .flatten());
    };
    read("network.", flat.values);
    if (self.ema.defined()) read("ema.", self.ema);
  }
  read_buffers(*self.workers[0].network, file, name);
  self.spread_buffers();
  for (const auto& [entry, tensor] : self.optimizer.state())
    tensor.copy_(nn::read_tensor(file, entry, torch::kFloat32, tensor.sizes(), name));
  const auto read_means = [&](const std::string& names, const std::string& numbers, Means& means) {
    means.names = parted(nn::read_meta(file, names, name));
    const auto count = static_cast<std::int64_t>(means.names.size());
    const auto values = nn::read_tensor(file, numbers, torch::kFloat64, {count + 1}, name);
    const auto* first = values.data_ptr<double>();
    means.sums.assign(first, first + count);
    means.weight = first[count];
  };
  read_means("train_metrics", "meters.train", self.train_means);
  read_means("test_metrics", "meters.test", self.test_means);
  const auto rest = nn::read_tensor(file, "meters.rest", torch::kFloat64, {3}, name);
  self.grad_norm_sum = rest[0].item<double>();
  self.grad_norm_count = rest[1].item<double>();
  self.best = rest[2].item<double>();
  const auto counters = nn::read_tensor(file, "counters", torch::kInt64, {2}, name);
  self.steps = counters[0].item<std::int64_t>();
  self.evaluations_since_best = counters[1].item<std::int64_t>();
  CLEW_CHECK(self.steps >= 0 && self.evaluations_since_best >= 0, name,
             ": counters must not be negative, got ", self.steps, " and ",
             self.evaluations_since_best);
  self.optimizer.set_steps(self.steps);
  self.train.seek(self.steps);
}

void load_network(torch::nn::Module& network, std::span<const std::byte> checkpoint,
                  const std::string& name) {
  const torch::NoGradGuard no_grad;
  const auto file = parse_checkpoint(checkpoint, name, kFormat);
  for (auto& item : network.named_parameters()) {
    const std::string averaged = "ema." + item.key();
    auto& parameter = item.value();
    parameter.copy_(
        nn::read_tensor(file, file.tensors.contains(averaged) ? averaged : "network." + item.key(),
                        torch::kFloat32, parameter.sizes(), name));
  }
  read_buffers(network, file, name);
  network.eval();
}

}  // namespace clew::train
