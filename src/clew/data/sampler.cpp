// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sampler.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

#include "clew/core/error.h"
#include "clew/data/draws.h"

namespace clew::data {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 32;  // range of Stream::below

void check_number(std::int64_t batch) {
  CLEW_CHECK(batch >= 0, "a batch's number must be at least 0, got ", batch);
}

/// Cache of the plans of the last two epochs.
template <class Plan>
class EpochCache {
 public:
  std::shared_ptr<const Plan> of(std::int64_t epoch, const std::function<Plan()>& make) const {
    const std::lock_guard lock(mutex_);
    if (const auto found = plans_.find(epoch); found != plans_.end()) return found->second;
    auto plan = std::make_shared<const Plan>(make());
    if (plans_.size() >= 2) {
      const bool is_ahead = epoch > plans_.begin()->first;
      plans_.erase(is_ahead ? plans_.begin() : std::prev(plans_.end()));
    }
    plans_[epoch] = plan;
    return plan;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::map<std::int64_t, std::shared_ptr<const Plan>> plans_;
};

using Order = std::vector<std::int64_t>;

Order numbers_to(std::int64_t count) {
  Order order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// Stream of an epoch's order, from an index that no example has, so that none shares its key.
Stream order_stream(const Key& key, std::int64_t epoch) {
  return Stream(fold_in(key, static_cast<std::uint64_t>(epoch), UINT64_MAX));
}

class Uniform : public Sampler {
 public:
  Uniform(std::int64_t examples, const UniformSampling& how) : examples_(examples), how_(how) {
    CLEW_CHECK(examples >= 1 && examples < kMaxSize, "a sampler needs 1..", kMaxSize - 1,
               " examples, got ", examples);
    CLEW_CHECK(how.batch_size >= 1, "batch_size must be at least 1, got ", how.batch_size,
               " (sampler)");
    CLEW_CHECK(!how.drops_last || how.batch_size <= examples,
               "dropping the last batch needs at least one batch of ", how.batch_size, ", got ",
               examples, " examples (sampler)");
    per_epoch_ = how.drops_last ? examples / how.batch_size
                                : (examples + how.batch_size - 1) / how.batch_size;
  }
  std::int64_t batches_per_epoch() const override { return per_epoch_; }
  std::int64_t size_of(std::int64_t batch) const override {
    check_number(batch);
    return std::min(how_.batch_size, examples_ - batch % per_epoch_ * how_.batch_size);
  }
  std::vector<std::int64_t> indices(std::int64_t batch) const override {
    const std::int64_t begin = batch % per_epoch_ * how_.batch_size, count = size_of(batch);
    std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
    if (!how_.is_shuffled) {
      std::iota(indices.begin(), indices.end(), begin);
      return indices;
    }
    const std::int64_t epoch = batch / per_epoch_;
    const auto order = cache_.of(epoch, [&] {
      Order made = numbers_to(examples_);
      shuffle(made, order_stream(how_.key, epoch));
      return made;
    });
    std::copy_n(order->begin() + begin, count, indices.begin());
    return indices;
  }

 private:
  const std::int64_t examples_;
  const UniformSampling how_;
  std::int64_t per_epoch_ = 0;
  EpochCache<Order> cache_;
};

class Classes : public Sampler {
 public:
  Classes(const std::vector<std::int64_t>& labels, const ClassSampling& how) : how_(how) {
    CLEW_CHECK(how.classes >= 1 && how.examples >= 1,
               "classes and examples must be at least 1, got ", how.classes, " and ", how.examples,
               " (class_sampler)");
    std::map<std::int64_t, Order> members;
    for (std::size_t i = 0; i < labels.size(); ++i)
      members[labels[i]].push_back(static_cast<std::int64_t>(i));
    for (auto& [label, indices] : members) members_.push_back(std::move(indices));
    CLEW_CHECK(how.classes <= static_cast<std::int64_t>(members_.size()), "batches of ",
               how.classes, " classes need as many, got ", members_.size(), " (class_sampler)");
    per_epoch_ = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(labels.size()) / (how.classes * how.examples));
  }
  std::int64_t batches_per_epoch() const override { return per_epoch_; }
  std::int64_t size_of(std::int64_t batch) const override {
    check_number(batch);
    return how_.classes * how_.examples;
  }
  std::vector<std::int64_t> indices(std::int64_t batch) const override {
    check_number(batch);
    Stream stream(fold_in(how_.key, static_cast<std::uint64_t>(batch)));
    std::vector<std::int64_t> indices;
    for (const auto c :
         first_of(numbers_to(static_cast<std::int64_t>(members_.size())), how_.classes, stream)) {
      const Order& all = members_[static_cast<std::size_t>(c)];
      const auto few = first_of(all, std::min(how_.examples, std::ssize(all)), stream);
      for (std::int64_t i = 0; i < how_.examples; ++i)
        indices.push_back(few[static_cast<std::size_t>(i % std::ssize(few))]);
    }
    return indices;
  }

 private:
  /// `count` distinct items, uniform over choices and orders.
  static Order first_of(Order items, std::int64_t count, Stream& stream) {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto left = static_cast<std::uint32_t>(std::ssize(items) - i);
      std::swap(items[static_cast<std::size_t>(i)],
                items[static_cast<std::size_t>(i + stream.below(left))]);
    }
    items.resize(static_cast<std::size_t>(count));
    return items;
  }

  const ClassSampling how_;
  std::vector<Order> members_;  // of each class, in the order of labels
  std::int64_t per_epoch_ = 0;
};

class Aspects : public Sampler {
 public:
  Aspects(const std::vector<double>& ratios, const AspectSampling& how) : how_(how) {
    CLEW_CHECK(!ratios.empty(), "a sampler needs at least one example (aspect_sampler)");
    CLEW_CHECK(how.batch_size >= 1, "batch_size must be at least 1, got ", how.batch_size,
               " (aspect_sampler)");
    CLEW_CHECK(std::is_sorted(how.edges.begin(), how.edges.end()),
               "edges must ascend (aspect_sampler)");
    groups_.resize(how.edges.size() + 1);
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      CLEW_CHECK(ratios[i] > 0, "a ratio of width to height must be above 0, got ", ratios[i],
                 " of example ", i, " (aspect_sampler)");
      const auto group = std::upper_bound(how.edges.begin(), how.edges.end(), ratios[i]);
      groups_[static_cast<std::size_t>(group - how.edges.begin())].push_back(
          static_cast<std::int64_t>(i));
    }
    for (const Order& group : groups_)
      per_epoch_ += (std::ssize(group) + how.batch_size - 1) / how.batch_size;
  }
  std::int64_t batches_per_epoch() const override { return per_epoch_; }
  std::int64_t size_of(std::int64_t batch) const override { return std::ssize(indices(batch)); }
  std::vector<std::int64_t> indices(std::int64_t batch) const override {
    check_number(batch);
    const std::int64_t epoch = batch / per_epoch_;
    const auto batches = cache_.of(epoch, [&] {
      std::vector<Order> made;
      for (std::size_t g = 0; g < groups_.size(); ++g) {
        Order group = groups_[g];
        shuffle(group, Stream(fold_in(how_.key, static_cast<std::uint64_t>(epoch), g)));
        for (std::int64_t at = 0; at < std::ssize(group); at += how_.batch_size) {
          const auto end = std::min(at + how_.batch_size, std::ssize(group));
          made.emplace_back(group.begin() + at, group.begin() + end);
        }
      }
      shuffle(made, order_stream(how_.key, epoch));
      return made;
    });
    return (*batches)[static_cast<std::size_t>(batch % per_epoch_)];
  }

 private:
  const AspectSampling how_;
  std::vector<Order> groups_;
  std::int64_t per_epoch_ = 0;
  EpochCache<std::vector<Order>> cache_;
};

class Clips : public Sampler {
 public:
  Clips(std::int64_t videos, const ClipSampling& how)
      : clips_(how.clips),
        videos_(videos, {.batch_size = checked(how) / how.clips, .key = how.key}) {}
  std::int64_t batches_per_epoch() const override { return videos_.batches_per_epoch(); }
  std::int64_t size_of(std::int64_t batch) const override {
    return clips_ * videos_.size_of(batch);
  }
  std::vector<std::int64_t> indices(std::int64_t batch) const override {
    std::vector<std::int64_t> indices;
    for (const std::int64_t video : videos_.indices(batch))
      indices.insert(indices.end(), static_cast<std::size_t>(clips_), video);
    return indices;
  }

 private:
  static std::int64_t checked(const ClipSampling& how) {
    CLEW_CHECK(how.clips >= 1 && how.batch_size >= how.clips && how.batch_size % how.clips == 0,
               "batch_size must be a multiple of clips, got ", how.batch_size, " and ", how.clips,
               " (clip_sampler)");
    return how.batch_size;
  }
  const std::int64_t clips_;
  const Uniform videos_;
};

}  // namespace

std::shared_ptr<const Sampler> uniform_sampler(std::int64_t examples, const UniformSampling& how) {
  return std::make_shared<const Uniform>(examples, how);
}
std::shared_ptr<const Sampler> class_sampler(const std::vector<std::int64_t>& labels,
                                             const ClassSampling& how) {
  return std::make_shared<const Classes>(labels, how);
}
std::shared_ptr<const Sampler> aspect_sampler(const std::vector<double>& ratios,
                                              const AspectSampling& how) {
  return std::make_shared<const Aspects>(ratios, how);
}
std::shared_ptr<const Sampler> clip_sampler(std::int64_t videos, const ClipSampling& how) {
  return std::make_shared<const Clips>(videos, how);
}

}  // namespace clew::data
