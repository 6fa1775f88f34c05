// SPDX-License-Identifier: Apache-2.0
// Batches of a data set, in an order that a key decides, made ahead of time by worker threads.
// Order and bytes are the same for any number of threads. Not a cache: each batch is made once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/data/sampler.h"

namespace clew::data {

struct LoaderOptions {
  std::int64_t batch_size = 64;
  bool is_shuffled = true;  // a new order every epoch; false: 0, 1, 2, ...
  bool drops_last = false;  // leave out an epoch's last batch when it is smaller
  std::shared_ptr<const Sampler> sampler = {};  // decides instead of these three
  Key key = {};             // order and examples: get's key is fold_in(key, epoch, index)
  int threads = 1;          // threads beside the caller; 0: next() makes the batch itself
  int prefetch = 4;         // batches that threads may be ahead
  int part = 0, parts = 1;  // of every batch, only this share of its examples
};

/// Batches are numbered from 0 over all epochs without end (sampler.h), so a position is one number, and a
/// loader that seeks there goes on as one that never stopped. Used by one thread at a time.
class Loader {
 public:
  /// `dataset` must outlive the loader and is only read. Options out of range, an empty set: Error.
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The batch at position(), or the part of it that was asked for (size 0 where that is nothing),
  /// and position() then moves on by one. Blocks until it is made. What batch_of threw for this
  /// batch is thrown here, in the order of batches, and again until seek().
  Batch next();
  /// The next batch will be number `batch` (at least 0).
  void seek(std::int64_t batch);
  /// The number of the batch that next() will give.
  std::int64_t position() const { return position_; }

  /// How many examples batch number `batch` has, over all parts.
  std::int64_t size_of(std::int64_t batch) const { return sampler_->size_of(batch); }
  std::int64_t batches_per_epoch() const { return sampler_->batches_per_epoch(); }
  /// The epoch of batch number `batch`.
  std::int64_t epoch_of(std::int64_t batch) const { return batch / batches_per_epoch(); }

 private:
  struct Slot {
    std::optional<Batch> batch;  // neither this nor fault: somebody is making it
    std::exception_ptr fault;
  };

  Batch make(std::int64_t number);
  void work();
  void stop();

  const Dataset& dataset_;
  const LoaderOptions options_;
  const std::shared_ptr<const Sampler> sampler_;
  std::int64_t position_ = 0;

  std::mutex mutex_;  // of all below
  std::condition_variable is_wanted_, is_ready_;
  std::map<std::int64_t, Slot> slots_;  // by number of the batch
  std::int64_t begin_ = 0, claimed_ = 0, round_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace clew::data
