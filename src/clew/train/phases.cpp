// SPDX-License-Identifier: Apache-2.0
#include "clew/train/phases.h"

#include <torch/nn/module.h>
#include <torch/types.h>

#include <charconv>
#include <utility>

#include "clew/core/error.h"
#include "clew/nn/safetensors.h"
#include "clew/nn/tensors.h"
#include "clew/nn/weights.h"
#include "clew/train/processes.h"

namespace clew::train {
namespace {

constexpr const char *kPhase = "clew.phase", *kStepsBefore = "clew.steps_before_phase";

std::int64_t number_in(const nn::TensorFile& file, const char* key, const std::string& name) {
  const auto& text = nn::read_meta(file, key, name);
  std::int64_t value = -1;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  CLEW_CHECK(end.ec == std::errc() && end.ptr == text.data() + text.size() && value >= 0, name,
             ": metadata '", key, "' must be a number of at least 0, got '", text, "'");
  return value;
}

}  // namespace

struct Phases::Impl {
  /// Begins phase `index`, with the weights `before` if given.
  void begin(std::size_t index, const nn::NamedTensors& before) {
    const auto& phase = phases[index];
    Beginning beginning = first;
    beginning.rules.insert(beginning.rules.end(), phase.rules.begin(), phase.rules.end());
    beginning.keeps_frozen_in_checkpoint = true;
    if (index > 0) beginning.load = {};
    if (!before.empty()) {
      beginning.load = [&](torch::nn::Module& network) {
        (void)nn::load_weights(network, before, "the phase before");
      };
    }
    current = index;
    learner.reset();  // frees its memory first
    learner = std::make_unique<Supervised>(*phase.task, phase.options, fold_in(key, index),
                                           processes, beginning);
    learner->watch_passes(watch);
  }

  std::vector<Phase> phases;
  Beginning first;
  Key key;
  Processes one;  // without other processes; for all phases, since a loop references it
  Processes* processes = &one;
  std::size_t current = 0;
  std::int64_t steps_before = 0;  // of finished phases
  std::unique_ptr<Supervised> learner;
  PassWatch watch;
};

Phases::Phases(std::vector<Phase> phases, Key key, Processes* processes, const Beginning& beginning)
    : impl_(std::make_unique<Impl>()) {
  if (phases.empty()) throw UsageError("a training must have at least one phase, got none");
  for (const auto& phase : phases) {
    CLEW_CHECK(phase.task != nullptr, "phase '", phase.name, "' must have a task");
    try {
      check_training(*phase.task, phase.options, processes == nullptr ? 1 : processes->size());
    } catch (const UsageError& error) {
      throw UsageError(concat("phase '", phase.name, "': ", error.what()));
    }
  }
  impl_->phases = std::move(phases);
  impl_->first = beginning;
  impl_->key = key;
  if (processes != nullptr) impl_->processes = processes;
  impl_->begin(0, {});
}
Phases::~Phases() = default;

void Phases::update() {
  auto& self = *impl_;
  if (self.learner->is_finished() && self.current + 1 < self.phases.size()) {
    self.steps_before += self.learner->steps();
    nn::NamedTensors weights;
    self.learner->with_evaluated_weights([&] {
      for (const auto& [name, tensor] : nn::state_of(self.learner->network()))
        weights.emplace_back(name, tensor.detach().clone());
    });
    self.begin(self.current + 1, weights);
  }
  self.learner->update();
}

std::int64_t Phases::steps() const { return impl_->steps_before + impl_->learner->steps(); }
bool Phases::is_finished() const {
  return impl_->current + 1 == impl_->phases.size() && impl_->learner->is_finished();
}
std::string Phases::early_end() const {
  return is_finished() ? impl_->learner->early_end() : std::string();
}
bool Phases::is_best() const {
  return impl_->current + 1 == impl_->phases.size() && impl_->learner->is_best();
}
void Phases::watch_passes(PassWatch watch) {
  impl_->watch = std::move(watch);
  impl_->learner->watch_passes(impl_->watch);
}
Processes* Phases::processes() const { return impl_->processes; }
std::size_t Phases::phase() const { return impl_->current; }
Supervised& Phases::learner() { return *impl_->learner; }

std::vector<runs::Metric> Phases::take_metrics() {
  auto metrics = impl_->learner->take_metrics();
  metrics.push_back({.name = "phase", .value = static_cast<double>(impl_->current + 1)});
  return metrics;
}

std::vector<std::byte> Phases::checkpoint(const std::map<std::string, std::string>& about) const {
  auto all = about;
  all[kPhase] = std::to_string(impl_->current);
  all[kStepsBefore] = std::to_string(impl_->steps_before);
  return impl_->learner->checkpoint(all);
}

void Phases::restore(std::span<const std::byte> bytes, const std::string& name) {
  const auto file = nn::parse_safetensors(bytes, name);
  const auto phase = number_in(file, kPhase, name);
  CLEW_CHECK(phase < static_cast<std::int64_t>(impl_->phases.size()), name, ": is of phase ",
             phase + 1, ", and there are ", impl_->phases.size());
  if (static_cast<std::size_t>(phase) != impl_->current)
    impl_->begin(static_cast<std::size_t>(phase), {});
  impl_->steps_before = number_in(file, kStepsBefore, name);
  impl_->learner->restore(bytes, name);
}

}  // namespace clew::train
