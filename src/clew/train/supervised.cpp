// SPDX-License-Identifier: Apache-2.0
#include "clew/train/supervised.h"

#include <c10/util/Exception.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/pool.h"
#include "clew/core/text.h"
#include "clew/data/loader.h"
#include "clew/nn/batch_norm.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/nn/weights.h"
#include "clew/ops/autocast.h"
#include "clew/train/optimizer.h"
#include "clew/train/processes.h"
#include "clew/train/replicas.h"
#include "clew/train/rules.h"
#include "clew/train/run_folder.h"
#include "clew/train/schedule.h"
#include "clew/train/slices.h"

namespace clew::train {
namespace {

constexpr const char *kFormat = "clew.supervised.checkpoint.2",
                     *kFrozenFormat = "clew.supervised.frozen.1";
constexpr std::uint64_t kKeyWeights = 0, kKeyTrain = 1, kKeyValidation = 2, kKeyForward = 3,
                        kKeyLoss = 4, kKeySampler = 5;

/// Scope guard for exceptions.
class OnFailure {
 public:
  explicit OnFailure(std::function<void()> call)
      : call_(std::move(call)), exceptions_(std::uncaught_exceptions()) {}
  ~OnFailure() {
    if (std::uncaught_exceptions() > exceptions_) call_();
  }
  OnFailure(const OnFailure&) = delete;
  OnFailure& operator=(const OnFailure&) = delete;

 private:
  std::function<void()> call_;
  int exceptions_;
};

/// In-place sum of values [N] f32 over all processes, pairwise by rank. May be called within
/// another gather; fails with the error of the failed process.
void sum_by_gathering(Processes& processes, const torch::Tensor& values) {
  if (processes.size() == 1) return;
  const auto plain = values.cpu().contiguous();
  std::vector<torch::Tensor> parts;
  for (const auto& bytes : processes.gather([&] {
         return std::string(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
       })) {
    parts.push_back(torch::empty_like(plain));
    CLEW_CHECK(bytes.size() == plain.nbytes(), "another process sums ", bytes.size(),
               " bytes, this one ", plain.nbytes());
    std::memcpy(parts.back().data_ptr(), bytes.data(), bytes.size());
  }
  sum_in_pairs(parts);
  values.copy_(parts[0]);
}

struct Worker {
  std::shared_ptr<torch::nn::Module> network;
  std::vector<torch::nn::Module*> kept_norms;  // batch norms with frozen statistics
  torch::Tensor statistics;  // [R] f32, of the other batch norms, flat; undefined without any
  Slice slice;               // last one
  data::Batch outputs;       // of it, with their graph, for a whole-batch loss
};

/// `options` after validation.
const SupervisedOptions& checked_options(const Task& task, const SupervisedOptions& options,
                                         const Processes& processes) {
  check_training(task, options, processes.size());
  return options;
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

struct Supervised::Impl {
  Impl(const Task& the_task, const SupervisedOptions& the_options, Key the_key,
       Processes* the_processes, const Beginning& beginning);

  /// Worker with the next replica; `beginning` and rules are evaluated for the first.
  Worker make_worker(const Beginning& beginning);
  /// Averages running statistics of batch norms over all slices of a batch of `count` examples.
  void merge_statistics(std::int64_t count);
  ParameterFactors parameter_factors() const;
  /// Forward and backward of this process's part of the next batch. Returns the slices of all
  /// processes in batch order, or one for the whole batch.
  std::vector<Slice> run_batch();
  /// Forward and backward of a loss over the outputs of all slices, also of other processes.
  Slice run_whole_batch(const data::Batch& columns, std::int64_t position);
  template <class Make>
  auto named_errors(const data::Batch& batch, const Make& make) const;
  /// Copies the first worker's buffers, such as running means, to the others.
  void spread_buffers();
  /// Computes cached outputs of the frozen prefix, if any, once.
  void keep();
  data::Loader& train();
  const data::Dataset& validation_set() {
    keep();
    return kept_validation ? *kept_validation : task.validation_set();
  }
  /// Broadcasts rank 0's buffers.
  void share_buffers();

  const Task& task;
  SupervisedOptions options;
  Key key;
  ops::Precision precision;
  torch::Device device;
  Processes one;  // without other processes
  Processes& processes;
  Schedule schedule;
  std::map<std::string, ParameterSettings> settings;  // by parameter
  bool keeps_frozen_in_checkpoint;
  Replicas replicas;
  std::vector<Worker> workers;            // one per replica
  std::shared_ptr<nn::SliceGroup> group;  // for synchronised batch norms
  Optimizer optimizer;
  torch::Tensor ema;  // [P] f32; undefined without moving average
  std::filesystem::path keep_folder;
  std::unique_ptr<data::Dataset> kept_train, kept_validation;  // null: no cache
  bool is_kept_known = false;
  std::unique_ptr<data::Loader> loader;  // of the training set, made on first use
  std::int64_t steps = 0;
  double waited = 0;  // seconds, for the loader
  Means train_means;
  std::vector<runs::Metric> validation;  // of the last evaluation, until taken
  bool larger_is_better = false;         // of the monitored metric
  double grad_norm_sum = 0, grad_norm_count = 0;
  double best = std::nan("");  // NaN: none yet
  std::int64_t evaluations_since_best = 0;
  bool is_best = false;
  PassWatch watch;  // of evaluations
};

Supervised::Impl::Impl(const Task& the_task, const SupervisedOptions& the_options, Key the_key,
                       Processes* the_processes, const Beginning& beginning)
    : task(the_task),
      options(the_options),
      key(the_key),
      precision(ops::chosen_precision(options.precision, ops::Products::kLibTorch)),
      device(options.device == TrainDevice::kCuda ? torch::kCUDA : torch::kCPU),
      processes(the_processes == nullptr ? one : *the_processes),
      schedule{.config = options, .steps = options.steps},
      keeps_frozen_in_checkpoint(beginning.keeps_frozen_in_checkpoint),
      replicas({.copies = checked_options(task, options, processes).workers,
                .threads = options.threads}),
      workers([&] {
        std::vector<Worker> made;
        while (made.size() < static_cast<std::size_t>(options.workers))
          made.push_back(make_worker(beginning));
        return made;
      }()),
      optimizer(options, replicas.values(), parameter_factors()),
      keep_folder(beginning.keep_folder) {
  spread_buffers();  // set in the first worker by `beginning`
  if (options.ema > 0) ema = replicas.values().clone();
  if (options.batch_norm == BatchNormMode::kSync) {
    group = std::make_shared<nn::SliceGroup>(options.workers, [this](const torch::Tensor& values) {
      sum_by_gathering(processes, values);
    });
  }
  const auto measures = task.make_evaluator()->result();
  larger_is_better = runs::find_measure(measures, task.monitor())->larger_is_better;
  for (const auto& measure : measures) validation.push_back({.name = measure.name, .value = {}});
}

void Supervised::Impl::keep() {
  if (is_kept_known || options.kept_versions == 0) return;
  const auto is_frozen = [&](const std::string& name) { return settings.at(name).is_frozen; };
  const auto prefix = task.frozen_prefix(*workers[0].network, is_frozen);
  if (prefix) {
    nn::NamedTensors frozen;
    for (const auto& [name, tensor] : nn::state_of(*workers[0].network))
      if (!settings.contains(name) || is_frozen(name)) frozen.emplace_back(name, tensor);
    std::vector<torch::nn::Module*> networks;
    for (const auto& worker : workers) networks.push_back(worker.network.get());
    const auto keep_set = [&](const data::Dataset& set, const char* name, int versions,
                              std::uint64_t part) {
      return keep_outputs(set, *prefix, networks,
                          {.versions = versions,
                           .batch = options.batch,
                           .key = fold_in(key, part),
                           .weights = nn::hash_of(frozen),
                           .folder = keep_folder,
                           .name = name,
                           .processes = &processes,
                           .on_progress = [&](double share) {
                             if (watch) watch("computing the frozen part's outputs", share);
                           }});
    };
    kept_train = keep_set(task.train_set(), "train", options.kept_versions, kKeyTrain);
    kept_validation = keep_set(task.validation_set(), "val", 1, kKeyValidation);
  }
  is_kept_known = true;
}

data::Loader& Supervised::Impl::train() {
  if (!loader) {
    keep();
    loader = std::make_unique<data::Loader>(
        kept_train ? *kept_train : task.train_set(),
        data::LoaderOptions{.batch_size = options.batch,
                            .drops_last = true,
                            .sampler = task.make_sampler(options.batch, fold_in(key, kKeySampler)),
                            .key = fold_in(key, kKeyTrain),
                            .threads = options.loaders,
                            .part = processes.rank(),
                            .parts = processes.size()});
    loader->seek(steps);
  }
  return *loader;
}

Worker Supervised::Impl::make_worker(const Beginning& beginning) {
  Worker worker;
  const bool is_first = replicas.size() == 0;
  torch::manual_seed(fold_in(key, kKeyWeights).value);
  worker.network = task.make_network();
  const auto norms = nn::batch_norms(*worker.network);
  for (const auto& norm : norms) {
    if (options.batch_norm == BatchNormMode::kSync &&
        dynamic_cast<nn::BatchNorm2dImpl*>(norm.module) == nullptr) {
      throw UsageError(
          concat("train.batch_norm = sync needs a network whose batch norms are "
                 "clew::nn::BatchNorm2d, and ",
                 norm.name, " is none"));
    }
  }
  if (is_first) {
    if (beginning.load) beginning.load(*worker.network);
    auto rules = task.rules(*worker.network);
    rules.insert(rules.end(), beginning.rules.begin(), beginning.rules.end());
    if (options.batch_norm == BatchNormMode::kFrozen) {
      for (const auto& norm : norms) {
        if (!norm.module->named_parameters().is_empty())
          rules.push_back({.what = "train.batch_norm = frozen",
                           .matches = names_under(norm.name),
                           .is_frozen = true});
      }
    }
    std::vector<std::string> names;
    for (const auto& item : worker.network->named_parameters()) names.push_back(item.key());
    const auto all = apply_rules(rules, names);
    for (std::size_t i = 0; i < names.size(); ++i) settings[names[i]] = all[i];
  }
  if (!device.is_cpu()) worker.network->to(device);
  const auto is_frozen = [&](const std::string& name) { return settings.at(name).is_frozen; };
  replicas.add(*worker.network, is_frozen);
  std::vector<torch::Tensor> running;
  for (const auto& norm : norms) {
    const auto parameters = norm.module->named_parameters();
    const bool is_kept =
        options.batch_norm == BatchNormMode::kFrozen ||
        (!parameters.is_empty() && std::ranges::all_of(parameters, [&](const auto& item) {
          return is_frozen(norm.name + "." + item.key());
        }));
    if (is_kept) {
      worker.kept_norms.push_back(norm.module);
    } else if (norm.running_mean.defined()) {
      running.insert(running.end(), {norm.running_mean, norm.running_var});
    }
  }
  if (!running.empty()) {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> flat;
    for (const auto& tensor : running) flat.push_back(tensor.flatten());
    worker.statistics = torch::cat(flat);
    std::int64_t offset = 0;
    for (auto& tensor : running) {
      tensor.set_data(worker.statistics.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
      offset += tensor.numel();
    }
  }
  return worker;
}

ParameterFactors Supervised::Impl::parameter_factors() const {
  const auto& flat = replicas.flat();
  const bool is_plain = std::ranges::all_of(settings, [](const auto& item) {
    return item.second.is_frozen || (item.second.lr_factor == 1 && item.second.decay_factor == 1);
  });
  if (is_plain) return {};
  ParameterFactors made{.lr = torch::ones_like(flat.values),
                        .decay = torch::ones_like(flat.values)};
  for (const auto& entry : flat.entries) {
    const auto& own = settings.at(entry.name);
    made.lr.narrow(0, entry.offset, entry.size).fill_(own.lr_factor);
    made.decay.narrow(0, entry.offset, entry.size).fill_(own.decay_factor);
  }
  return made;
}

void Supervised::Impl::merge_statistics(std::int64_t count) {
  const int slices = processes.size() * options.workers;
  if (!workers[0].statistics.defined() || slices == 1 || options.batch_norm == BatchNormMode::kSync)
    return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (int i = 0; i < options.workers; ++i) {
    const auto share = share_of(count, processes.rank() * options.workers + i, slices);
    parts.push_back(workers[static_cast<std::size_t>(i)].statistics);
    parts.back().mul_(static_cast<double>(share.end - share.begin) / static_cast<double>(count));
  }
  sum_in_pairs(parts);
  processes.sum(parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) parts[i].copy_(parts[0]);
}

template <class Make>
auto Supervised::Impl::named_errors(const data::Batch& batch, const Make& make) const {
  try {
    return make();
  } catch (const data::ExampleError& error) {
    throw data::named_example(task.train_set(), batch, error);
  } catch (const c10::Error& error) {
    throw Error(error.what_without_backtrace());
  }
}

std::vector<Slice> Supervised::Impl::run_batch() {
  const auto position = static_cast<std::uint64_t>(train().position());
  const std::int64_t count = train().size_of(train().position());
  const int first = processes.rank() * options.workers;
  const auto columns = task.whole_batch_columns();
  data::Batch batch;
  const auto run = [&] {
    auto& source = train();
    const auto asked = std::chrono::steady_clock::now();
    batch = source.next();
    waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - asked).count();
    const auto part = share_of(count, processes.rank(), processes.size());
    replicas.run([&](int i) {
      auto& worker = workers[static_cast<std::size_t>(i)];
      const auto number = static_cast<std::uint64_t>(first + i);
      const Share share = share_of(count, first + i, processes.size() * options.workers);
      auto slice = batch.slice(share.begin - part.begin, share.end - part.begin);
      if (!device.is_cpu()) slice = slice.to(device);
      replicas.flat(i).gradients.zero_();
      worker.slice = {};
      worker.outputs = {};
      if (slice.size() == 0) {  // of a batch of fewer examples than slices
        CLEW_CHECK(!group, "train.batch_norm = sync needs an example for each slice, got ", count,
                   " for ", processes.size() * options.workers);
        return;
      }
      const torch::AutoGradMode grad_mode(true);
      worker.network->train();
      for (auto* norm : worker.kept_norms) norm->eval();
      std::optional<nn::SliceGroup::Scope> scope;
      if (group) scope.emplace(group, i);
      const OnFailure on_failure([&] {
        if (group) group->fail();
      });
      named_errors(slice, [&] {
        const ops::Autocast autocast(precision);
        worker.outputs =
            task.forward(*worker.network, slice, fold_in(key, kKeyForward, position, number));
      });
      if (columns) return;
      const Loss loss = named_errors(slice, [&] {
        const ops::Autocast autocast(precision);
        return task.loss(worker.outputs, slice, fold_in(key, kKeyLoss, position, number));
      });
      worker.slice.weight = loss.weight.value_or(static_cast<double>(slice.size()));
      if (worker.slice.weight != 0) {
        check_loss(loss);
        worker.slice.metrics = loss.metrics;
        (loss.value * (worker.slice.weight / static_cast<double>(count))).backward();
      } else if (group) {  // whose batch norms synchronise in backward, too
        auto zeros = tensors_of(worker.outputs);
        for (auto& tensor : zeros) tensor = torch::zeros_like(tensor);
        backward(worker.outputs, zeros);
      }
      worker.outputs = {};
    });
    if (columns) return std::string();
    std::vector<Slice> own;
    for (const auto& worker : workers) own.push_back(worker.slice);
    return slice_text(own);
  };
  std::vector<Slice> all;
  for (const auto& text : processes.gather(run))
    for (auto& slice : parse_slices(text)) all.push_back(std::move(slice));
  if (columns)
    return {run_whole_batch(batch.size() == 0 ? data::Batch() : batch.select(*columns),
                            static_cast<std::int64_t>(position))};
  return all;
}

Slice Supervised::Impl::run_whole_batch(const data::Batch& columns, std::int64_t position) {
  std::vector<data::Batch> leaves;  // by worker
  for (auto& worker : workers) leaves.push_back(as_leaves(worker.outputs));
  const auto join = [](std::vector<data::Batch> parts) {  // without empty slices
    std::erase_if(parts, [](const data::Batch& part) { return part.size() == 0; });
    return parts.empty() ? data::Batch() : data::join(parts);
  };
  std::vector<data::Batch> outputs, batches;  // by process
  const auto mine = join(leaves);
  if (processes.size() == 1) {
    outputs = {mine};
    batches = {columns};
  } else {
    constexpr const char* kOther = "the outputs of another process";
    const auto all_outputs = processes.gather([&] { return batch_bytes(mine); });
    const auto all_columns = processes.gather([&] { return batch_bytes(columns); });
    for (int i = 0; i < processes.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      outputs.push_back(i == processes.rank() ? mine
                                              : parse_batch(all_outputs[at], kOther).to(device));
      batches.push_back(parse_batch(all_columns[at], kOther));
    }
  }
  const auto batch = join(batches).to(device);
  const Loss loss = named_errors(batch, [&] {
    const torch::AutoGradMode grad_mode(true);
    const ops::Autocast autocast(precision);
    return task.loss(join(outputs), batch,
                     fold_in(key, kKeyLoss, static_cast<std::uint64_t>(position)));
  });
  Slice all{.weight = loss.weight.value_or(static_cast<double>(batch.size())), .metrics = {}};
  if (all.weight == 0) return all;
  all.metrics = loss.metrics;
  if (mine.size() == 0) return all;  // no slice, so no graph
  check_loss(loss);
  loss.value.backward();
  replicas.run([&](int i) {
    const auto at = static_cast<std::size_t>(i);
    auto& own = workers[at].outputs;
    std::optional<nn::SliceGroup::Scope> scope;
    if (group) scope.emplace(group, i);
    const OnFailure on_failure([&] {
      if (group) group->fail();
    });
    auto gradients = tensors_of(leaves[at]);
    for (auto& tensor : gradients) tensor = tensor.grad();
    backward(own, gradients);
    own = {};
  });
  return all;
}

void Supervised::Impl::share_buffers() {
  if (processes.size() > 1) {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> buffers;
    for (auto& item : workers[0].network->named_buffers()) buffers.push_back(item.value());
    const auto all = processes.from_first([&] {
      std::string bytes;
      for (const auto& buffer : buffers) {
        const auto plain = buffer.cpu().contiguous();
        bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
      }
      return bytes;
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
                       Processes* processes, const Beginning& beginning)
    : impl_(std::make_unique<Impl>(task, options, key, processes, beginning)) {}
Supervised::~Supervised() = default;

Processes* Supervised::processes() const { return &impl_->processes; }

std::int64_t Supervised::steps() const { return impl_->steps; }
double Supervised::waited_seconds() const { return impl_->waited; }
bool Supervised::is_best() const { return impl_->is_best; }
void Supervised::watch_passes(PassWatch watch) { impl_->watch = std::move(watch); }
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
  const auto& flat = self.replicas.flat();
  std::vector<Slice> slices;
  try {
    slices = self.run_batch();
    double weight = 0;
    for (const auto& slice : slices) weight += slice.weight;
    const torch::NoGradGuard no_grad;
    self.replicas.sum_gradients(SumOrder::kInPairs);
    self.processes.sum(flat.gradients);
    self.merge_statistics(self.train().size_of(self.steps));
    // Each slice's gradient is its mean times its weight over the batch size.
    const auto examples = static_cast<double>(self.train().size_of(self.steps));
    if (!self.task.whole_batch_columns() && weight > 0 && weight != examples)
      flat.gradients.mul_(examples / weight);
    self.grad_norm_sum += self.replicas.clip_gradients(self.options.clip);
    self.grad_norm_count += 1;
    self.optimizer.step(flat.values, flat.gradients, self.schedule.at(self.steps));
    if (self.ema.defined()) {
      // Lower decay at first, so that the average forgets the initial weights.
      const auto made = static_cast<double>(self.steps);
      self.ema.lerp_(flat.values, 1 - std::min(self.options.ema, (1 + made) / (10 + made)));
    }
  } catch (const Error& error) {
    throw Error(concat("training stopped at step ", self.steps, ": ", error.what()));
  }
  for (const auto& slice : slices)
    if (slice.weight > 0) self.train_means.add(slice.metrics, slice.weight);
  ++self.steps;
  if (self.steps % self.options.eval_steps != 0 && self.steps < self.options.steps) return;

  const auto measures = evaluate();
  self.validation.clear();
  for (const auto& measure : measures)
    self.validation.push_back({.name = measure.name, .value = measure.value});
  const double monitored = runs::find_measure(measures, self.task.monitor())->value;
  self.is_best = !std::isnan(monitored) &&
                 (std::isnan(self.best) ||
                  (self.larger_is_better ? monitored > self.best : monitored < self.best));
  if (self.is_best) self.best = monitored;
  self.evaluations_since_best = self.is_best ? 0 : self.evaluations_since_best + 1;
}

torch::nn::Module& Supervised::network() { return *impl_->workers[0].network; }
const Task& Supervised::task() const { return impl_->task; }

void Supervised::with_evaluated_weights(const std::function<void()>& look) {
  const auto& ema = impl_->ema;
  const torch::NoGradGuard no_grad;
  network().eval();  // until the next step
  if (!ema.defined()) return look();
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
  const Swap swap(impl_->replicas.flat().values, ema);
  look();
}

std::vector<runs::Measure> Supervised::evaluate() {
  auto& self = *impl_;
  self.share_buffers();
  std::vector<torch::nn::Module*> networks;
  for (const auto& worker : self.workers) networks.push_back(worker.network.get());
  std::vector<runs::Measure> measures;
  with_evaluated_weights([&] {
    measures = train::evaluate(self.task, networks, self.validation_set(),
                               {.batch = self.options.batch,
                                .key = fold_in(self.key, kKeyValidation),
                                .on_progress =
                                    [&](double share) {
                                      if (self.watch) self.watch("evaluating", share);
                                    },
                                .processes = &self.processes})
                   ->result();
  });
  return measures;
}

std::vector<runs::Metric> Supervised::take_metrics() {
  auto& self = *impl_;
  std::vector<runs::Metric> metrics{
      {"epoch",
       static_cast<double>(self.steps) / static_cast<double>(self.train().batches_per_epoch())}};
  for (auto& metric : self.train_means.get()) metrics.push_back(std::move(metric));
  for (auto& metric : self.validation) {
    metrics.push_back({.name = "val_" + metric.name, .value = metric.value});
    metric.value.reset();
  }
  metrics.push_back({"grad_norm", self.grad_norm_sum / self.grad_norm_count});
  metrics.push_back({"lr", self.schedule.at(std::max<std::int64_t>(0, self.steps - 1))});
  self.train_means.clear();
  self.grad_norm_sum = self.grad_norm_count = 0;
  return metrics;
}

std::vector<std::byte> Supervised::checkpoint(
    const std::map<std::string, std::string>& about) const {
  const auto& self = *impl_;
  nn::TensorFileBuilder out;
  for (const auto& [key, value] : about) out.set(key, value);
  out.set("clew.format", kFormat);
  std::vector<std::string> measures;
  std::vector<double> values;  // NaN: absent
  for (const auto& metric : self.validation) {
    measures.push_back(metric.name);
    values.push_back(metric.value.value_or(std::nan("")));
  }
  out.set("train_metrics", join(self.train_means.names(), ","));
  out.set("validation_measures", join(measures, ","));
  const auto& flat = self.replicas.flat();
  for (const auto& entry : flat.entries) {
    const auto part = [&](const torch::Tensor& all) {
      return all.narrow(0, entry.offset, entry.size).view(entry.shape);
    };
    out.add("network." + entry.name, part(flat.values));
    if (self.ema.defined()) out.add("ema." + entry.name, part(self.ema));
  }
  if (self.keeps_frozen_in_checkpoint)
    for (const auto& [name, tensor] : flat.frozen) out.add("network." + name, tensor);
  for (const auto& item : self.workers[0].network->named_buffers())
    out.add("network." + item.key(), item.value());
  for (const auto& [name, tensor] : self.optimizer.state()) out.add(name, tensor);
  const auto add_numbers = [&](const std::string& name, const std::vector<double>& numbers) {
    out.add(name, torch::tensor(torch::ArrayRef<double>(numbers), torch::kFloat64));
  };
  add_numbers("meters.train", self.train_means.numbers());
  add_numbers("meters.validation", values);
  out.add("meters.rest",
          torch::tensor({self.grad_norm_sum, self.grad_norm_count, self.best}, torch::kFloat64));
  out.add("counters", torch::tensor({self.steps, self.evaluations_since_best}, torch::kInt64));
  return out.finish();
}

std::vector<std::byte> Supervised::frozen() const {
  const auto& frozen = impl_->replicas.flat().frozen;
  if (frozen.empty() || impl_->keeps_frozen_in_checkpoint) return {};
  nn::TensorFileBuilder out;
  out.set("clew.format", kFrozenFormat);
  for (const auto& [name, tensor] : frozen) out.add("network." + name, tensor);
  return out.finish();
}

void Supervised::restore_frozen(std::span<const std::byte> bytes, const std::string& name) {
  const torch::NoGradGuard no_grad;
  const auto file = parse_checkpoint(bytes, name, kFrozenFormat);
  for (auto& [parameter, tensor] : impl_->replicas.flat().frozen)  // shared by the others
    tensor.copy_(
        nn::read_tensor(file, "network." + parameter, torch::kFloat32, tensor.sizes(), name));
}

void Supervised::restore(std::span<const std::byte> bytes, const std::string& name) {
  auto& self = *impl_;
  const torch::NoGradGuard no_grad;
  const auto file = parse_checkpoint(bytes, name, kFormat);
  if (self.precision == ops::Precision::kBf16 && !ops::has_bf16(ops::Products::kLibTorch))
    log(LogLevel::kWarning,
        "train.precision = bf16, but this CPU has none and goes on with fp32: other bytes");
  const auto& flat = self.replicas.flat();
  for (const auto& entry : flat.entries) {
    const auto read = [&](const std::string& prefix, const torch::Tensor& all) {
      all.narrow(0, entry.offset, entry.size)
          .copy_(nn::read_tensor(file, prefix + entry.name, torch::kFloat32, entry.shape, name)
                     .flatten());
    };
    read("network.", flat.values);
    if (self.ema.defined()) read("ema.", self.ema);
  }
  if (self.keeps_frozen_in_checkpoint) {
    for (const auto& [entry, tensor] : flat.frozen)  // shared by the other workers
      tensor.copy_(
          nn::read_tensor(file, "network." + entry, torch::kFloat32, tensor.sizes(), name));
  }
  read_buffers(*self.workers[0].network, file, name);
  self.spread_buffers();
  for (const auto& [entry, tensor] : self.optimizer.state())
    tensor.copy_(nn::read_tensor(file, entry, torch::kFloat32, tensor.sizes(), name));
  const auto read_numbers = [&](const std::string& entry, std::size_t count) {
    const auto numbers =
        nn::read_tensor(file, entry, torch::kFloat64, {static_cast<std::int64_t>(count)}, name);
    const auto* first = numbers.data_ptr<double>();
    return std::vector<double>(first, first + count);
  };
  const auto trained = split_commas(nn::read_meta(file, "train_metrics", name));
  self.train_means.set(trained, read_numbers("meters.train", 2 * trained.size()).data());
  const auto measures = split_commas(nn::read_meta(file, "validation_measures", name));
  const auto values = read_numbers("meters.validation", measures.size());
  self.validation.clear();
  for (std::size_t i = 0; i < measures.size(); ++i) {
    self.validation.push_back({.name = measures[i], .value = {}});
    if (!std::isnan(values[i])) self.validation.back().value = values[i];
  }
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
  if (self.loader) self.loader->seek(self.steps);
}

void load_network(torch::nn::Module& network, std::span<const std::byte> checkpoint,
                  const std::string& name, std::span<const std::byte> frozen) {
  const torch::NoGradGuard no_grad;
  const auto file = parse_checkpoint(checkpoint, name, kFormat);
  nn::TensorFile never_learnt;
  if (!frozen.empty()) never_learnt = parse_checkpoint(frozen, name, kFrozenFormat);
  for (auto& item : network.named_parameters()) {
    const std::string averaged = "ema." + item.key(), own = "network." + item.key();
    auto& parameter = item.value();
    const bool is_frozen = never_learnt.tensors.contains(own);
    parameter.copy_(nn::read_tensor(is_frozen ? never_learnt : file,
                                    file.tensors.contains(averaged) ? averaged : own,
                                    torch::kFloat32, parameter.sizes(), name));
  }
  read_buffers(network, file, name);
  network.eval();
}

void load_network(torch::nn::Module& network, const Checkpoint& checkpoint) {
  load_network(network, std::as_bytes(std::span(checkpoint.bytes)), checkpoint.path.string(),
               std::as_bytes(std::span(checkpoint.frozen)));
}

}  // namespace clew::train
