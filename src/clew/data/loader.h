// SPDX-License-Identifier: Apache-2.0
// Batches of a data set, prefetched by worker threads in an order drawn from a key. Order and bytes
// are the same for any number of threads. No cache.
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
  bool is_shuffled = true;                      // reshuffled every epoch; false: 0, 1, 2, ...
  bool drops_last = false;                      // drop an epoch's smaller last batch
  std::shared_ptr<const Sampler> sampler = {};  // replaces these three
  Key key = {};             // order and examples: get's key is fold_in(key, epoch, index)
  int threads = 1;          // worker threads; 0: next() makes the batch itself
  int prefetch = 4;         // batches made ahead
  int part = 0, parts = 1;  // only this part of every batch, of `parts`
};

/// Batches are numbered from 0 over all epochs without end (sampler.h), so that one number is the
/// whole state: after seek() a loader continues as one that never stopped. Not thread-safe.
class Loader {
 public:
  /// `dataset` must outlive the loader. Options out of range, an empty set: clew::Error.
  Loader(const Dataset& dataset, LoaderOptions options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Batch number position(), or LoaderOptions::part of it (maybe of size 0); advances position().
  /// Blocks until it is made. Rethrows this batch's error of batch_of, in the order of batches, and
  /// again until seek().
  Batch next();
  /// Sets position() to `batch`, at least 0.
  void seek(std::int64_t batch);
  /// Number of the next batch.
  std::int64_t position() const { return position_; }

  /// Number of examples in batch `batch`, over all parts.
  std::int64_t size_of(std::int64_t batch) const { return sampler_->size_of(batch); }
  std::int64_t batches_per_epoch() const { return sampler_->batches_per_epoch(); }
  /// Epoch of batch `batch`.
  std::int64_t epoch_of(std::int64_t batch) const { return batch / batches_per_epoch(); }

 private:
  struct Slot {
    std::optional<Batch> batch;  // neither this nor fault: in progress
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
  std::map<std::int64_t, Slot> slots_;  // by batch number
  std::int64_t begin_ = 0, claimed_ = 0, round_ = 0;
  bool is_stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace clew::data
