// SPDX-License-Identifier: Apache-2.0
#include "clew/data/loader.h"

#include <iterator>
#include <memory>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/pool.h"

namespace clew::data {
namespace {

constexpr int kMaxThreads = 256, kMaxPrefetch = 4096;

std::shared_ptr<const Sampler> sampler_of(const Dataset& dataset, const LoaderOptions& options) {
  if (options.sampler) return options.sampler;
  return uniform_sampler(dataset.size(), {.batch_size = options.batch_size,
                                          .is_shuffled = options.is_shuffled,
                                          .drops_last = options.drops_last,
                                          .key = options.key});
}

}  // namespace

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : dataset_(dataset), options_(options), sampler_(sampler_of(dataset, options)) {
  CLEW_CHECK(options.threads >= 0 && options.threads <= kMaxThreads,
             "a loader's threads must be in 0..", kMaxThreads, ", got ", options.threads);
  CLEW_CHECK(options.prefetch >= 1 && options.prefetch <= kMaxPrefetch,
             "a loader's prefetch must be in 1..", kMaxPrefetch, ", got ", options.prefetch);
  CLEW_CHECK(options.parts >= 1, "a loader's parts must be at least 1, got ", options.parts);
  CLEW_CHECK(options.part >= 0 && options.part < options.parts, "a loader's part must be in 0..",
             options.parts - 1, ", got ", options.part);
  try {
    for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (...) {
    stop();
    throw;
  }
}

Loader::~Loader() { stop(); }

void Loader::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  is_wanted_.notify_all();
  for (auto& thread : threads_) thread.join();
}

Batch Loader::next() {
  if (threads_.empty()) {
    Batch batch = make(position_);
    ++position_;
    return batch;
  }
  std::unique_lock lock(mutex_);
  is_ready_.wait(lock, [this] {
    const auto found = slots_.find(position_);
    return found != slots_.end() && (found->second.batch || found->second.fault);
  });
  Slot& slot = slots_.at(position_);
  if (slot.fault) std::rethrow_exception(slot.fault);
  Batch batch = std::move(*slot.batch);
  slots_.erase(position_);
  begin_ = ++position_;
  lock.unlock();
  is_wanted_.notify_one();
  return batch;
}

void Loader::seek(std::int64_t batch) {
  CLEW_CHECK(batch >= 0, "a loader can seek to batch 0 or later, got ", batch);
  {
    const std::lock_guard lock(mutex_);
    position_ = begin_ = claimed_ = batch;
    slots_.clear();
    ++round_;  // discards batches in progress
  }
  is_wanted_.notify_all();
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    is_wanted_.wait(lock, [this] { return is_stopping_ || claimed_ < begin_ + options_.prefetch; });
    if (is_stopping_) return;
    const std::int64_t number = claimed_++, round = round_;
    lock.unlock();
    Slot slot;
    try {
      slot.batch = make(number);
    } catch (...) {
      slot.fault = std::current_exception();
    }
    lock.lock();
    if (round != round_) continue;
    slots_[number] = std::move(slot);
    is_ready_.notify_one();
  }
}

Batch Loader::make(std::int64_t number) {
  const auto indices = sampler_->indices(number);
  const Share part = share_of(std::ssize(indices), options_.part, options_.parts);
  if (part.begin == part.end) return {};
  const auto keys =
      keys_of(indices, fold_in(options_.key, static_cast<std::uint64_t>(epoch_of(number))));
  const auto cut = [&](const auto& all) {
    return std::vector(all.begin() + part.begin, all.begin() + part.end);
  };
  return batch_of(dataset_, cut(indices), cut(keys));
}

}  // namespace clew::data
