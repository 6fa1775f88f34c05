// SPDX-License-Identifier: Apache-2.0
#include "clew/data/loader.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/data/draws.h"

namespace clew::data {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 32;  // what Stream::below can draw from
constexpr int kMaxWorkers = 256, kMaxPrefetch = 4096;

}  // namespace

Loader::Loader(const Dataset& dataset, LoaderOptions options)
    : dataset_(dataset), options_(options), size_(dataset.size()) {
  CLEW_CHECK(size_ >= 1 && size_ < kMaxSize, "a loader needs a data set of 1..", kMaxSize - 1,
             " examples, got ", size_);
  CLEW_CHECK(options.batch_size >= 1, "a loader's batch_size must be at least 1, got ",
             options.batch_size);
  CLEW_CHECK(options.workers >= 0 && options.workers <= kMaxWorkers,
             "a loader's workers must be in 0..", kMaxWorkers, ", got ", options.workers);
  CLEW_CHECK(options.prefetch >= 1 && options.prefetch <= kMaxPrefetch,
             "a loader's prefetch must be in 1..", kMaxPrefetch, ", got ", options.prefetch);
  CLEW_CHECK(!options.drops_last || options.batch_size <= size_,
             "a loader that drops the last batch needs a data set of at least one batch of ",
             options.batch_size, ", got ", size_, " examples");
  CLEW_CHECK(options.parts >= 1, "a loader's parts must be at least 1, got ", options.parts);
  CLEW_CHECK(options.part >= 0 && options.part < options.parts, "a loader's part must be in 0..",
             options.parts - 1, ", got ", options.part);
  batches_per_epoch_ = options.drops_last
                           ? size_ / options.batch_size
                           : size_ / options.batch_size + (size_ % options.batch_size != 0);
  try {
    for (int i = 0; i < options.workers; ++i) workers_.emplace_back([this] { work(); });
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
  for (auto& worker : workers_) worker.join();
}

Batch Loader::next() {
  if (workers_.empty()) {
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
    ++round_;  // what workers are making now is thrown away
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

std::int64_t Loader::size_of(std::int64_t batch) const {
  return std::min(options_.batch_size, size_ - batch % batches_per_epoch_ * options_.batch_size);
}

Batch Loader::make(std::int64_t number) {
  const std::int64_t epoch = epoch_of(number), first = number % batches_per_epoch_;
  const Share part = share_of(size_of(number), options_.part, options_.parts);
  const std::int64_t begin = first * options_.batch_size + part.begin;
  const std::int64_t count = part.end - part.begin;
  if (count == 0) return {};
  const Order order = options_.is_shuffled ? order_of(epoch) : nullptr;
  const Key key = split(options_.key, static_cast<std::uint64_t>(epoch));
  std::vector<Sample> samples;
  samples.reserve(static_cast<std::size_t>(count));
  const auto indices = torch::empty({count}, torch::kInt64);
  auto* index_of = indices.data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < count; ++i) {
    index_of[i] = order ? (*order)[static_cast<std::size_t>(begin + i)] : begin + i;
    samples.push_back(
        dataset_.get(index_of[i], split(key, static_cast<std::uint64_t>(index_of[i]))));
  }
  try {
    Batch batch = dataset_.collate(std::move(samples));
    batch.indices = indices;
    return batch;
  } catch (const StackError& error) {
    if (error.place() >= static_cast<std::size_t>(count)) throw;  // of a collate with other rows
    const std::int64_t index = index_of[error.place()];
    const std::string origin = dataset_.origin(index);
    throw Error(concat(error.what(), " (place ", error.place(), " is example ", index,
                       origin.empty() ? "" : ", ", origin, ")"));
  }
}

Loader::Order Loader::order_of(std::int64_t epoch) {
  const std::lock_guard lock(order_mutex_);
  if (const auto found = orders_.find(epoch); found != orders_.end()) return found->second;
  auto order = std::make_shared<std::vector<std::int64_t>>(static_cast<std::size_t>(size_));
  std::iota(order->begin(), order->end(), 0);
  // An index no example has, so that no example shares the order's key.
  shuffle(*order, Stream(split(options_.key, static_cast<std::uint64_t>(epoch), UINT64_MAX)));
  if (orders_.size() >= 2) {
    const bool is_ahead = epoch > orders_.begin()->first;
    orders_.erase(is_ahead ? orders_.begin() : std::prev(orders_.end()));
  }
  orders_[epoch] = order;
  return order;
}

}  // namespace clew::data
