// SPDX-License-Identifier: Apache-2.0
#include "clew/data/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace sampler_test {

using Indices = std::vector<std::int64_t>;

/// The examples of one epoch; sizes must be as said.
Indices epoch_of(const Sampler& sampler, std::int64_t epoch) {
  Indices all;
  for (std::int64_t b = 0; b < sampler.batches_per_epoch(); ++b) {
    const std::int64_t batch = epoch * sampler.batches_per_epoch() + b;
    const auto indices = sampler.indices(batch);
    EXPECT_EQ(std::ssize(indices), sampler.size_of(batch));
    all.insert(all.end(), indices.begin(), indices.end());
  }
  return all;
}

TEST(UniformSampler, EveryExampleOnceAnEpochInAnotherOrder) {
  const auto sampler = uniform_sampler(10, {.batch_size = 4, .key = {1}});
  EXPECT_EQ(sampler->batches_per_epoch(), 3);
  EXPECT_EQ(sampler->size_of(2), 2);
  EXPECT_EQ(sampler->size_of(3), 4);
  auto first = epoch_of(*sampler, 0), second = epoch_of(*sampler, 1);
  EXPECT_NE(first, second);
  std::sort(first.begin(), first.end());
  EXPECT_EQ(first, (Indices{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(
      uniform_sampler(5, {.batch_size = 2, .is_shuffled = false, .drops_last = true})->indices(3),
      (Indices{2, 3}));
}

TEST(ClassSampler, DrawsDifferentClassesAndExamples) {
  // Class 10 c has c + 1 examples.
  Indices labels;
  for (std::int64_t c = 0; c < 6; ++c)
    labels.insert(labels.end(), static_cast<std::size_t>(c + 1), 10 * c);
  const auto sampler = class_sampler(labels, {.classes = 3, .examples = 4, .key = {2}});
  EXPECT_EQ(sampler->batches_per_epoch(), 21 / 12);
  std::map<std::int64_t, int> classes;
  for (std::int64_t batch = 0; batch < 600; ++batch) {
    const auto indices = sampler->indices(batch);
    ASSERT_EQ(indices.size(), 12U);
    EXPECT_EQ(indices, sampler->indices(batch));
    std::set<std::int64_t> in_batch;
    for (std::size_t c = 0; c < 3; ++c) {
      const auto label = labels.at(static_cast<std::size_t>(indices[4 * c]));
      in_batch.insert(label);
      ++classes[label];
      std::set<std::int64_t> examples;
      for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(labels.at(static_cast<std::size_t>(indices[4 * c + i])), label);
        examples.insert(indices[4 * c + i]);
      }
      EXPECT_EQ(std::ssize(examples), std::min<std::int64_t>(4, label / 10 + 1));
    }
    EXPECT_EQ(in_batch.size(), 3U);
  }
  // 600 batches of half the classes: 300 each, spread 12.
  for (const auto& [label, count] : classes) EXPECT_NEAR(count, 300, 60) << label;
  EXPECT_EQ(classes.size(), 6U);
}

TEST(AspectSampler, BatchesAreOfOneGroupAndAnEpochHasEveryExampleOnce) {
  const std::vector<double> ratios = {0.5, 2, 0.75, 1.5, 1, 0.9, 3, 0.8, 1.2, 0.6, 1.1};
  const auto sampler = aspect_sampler(ratios, {.batch_size = 2, .key = {3}});
  EXPECT_EQ(sampler->batches_per_epoch(), 3 + 3);  // 5 upright, 6 others
  for (const std::int64_t epoch : {0, 1, 7}) {
    auto all = epoch_of(*sampler, epoch);
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, (Indices{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
    for (std::int64_t b = 0; b < 6; ++b) {
      std::set<bool> is_wide;
      for (const auto i : sampler->indices(6 * epoch + b))
        is_wide.insert(ratios[static_cast<std::size_t>(i)] >= 1);
      EXPECT_EQ(is_wide.size(), 1U);
    }
  }
  EXPECT_NE(epoch_of(*sampler, 0), epoch_of(*sampler, 1));
}

TEST(ClipSampler, RepeatsVideosSideBySide) {
  const auto sampler = clip_sampler(5, {.batch_size = 6, .clips = 3, .key = {4}});
  EXPECT_EQ(sampler->batches_per_epoch(), 3);
  EXPECT_EQ(sampler->size_of(2), 3);
  const auto all = epoch_of(*sampler, 0);
  ASSERT_EQ(all.size(), 15U);
  for (std::size_t i = 0; i < 15; i += 3) {
    EXPECT_EQ(all[i], all[i + 1]);
    EXPECT_EQ(all[i], all[i + 2]);
  }
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 5U);
}

TEST(Sampler, IsAPureFunctionOfTheBatchForSeveralThreads) {
  const auto sampler = aspect_sampler(std::vector<double>(200, 1.0), {.batch_size = 3, .key = {5}});
  std::vector<Indices> wanted;
  for (std::int64_t batch = 0; batch < 400; ++batch) wanted.push_back(sampler->indices(batch));
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::int64_t i = 0; i < 400; ++i) {
        const std::int64_t batch = (i * 37 + t * 101) % 400;
        if (sampler->indices(batch) != wanted[static_cast<std::size_t>(batch)]) ++wrong;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Sampler, OneSentencePerError) {
  expect_error([] { uniform_sampler(0, {}); }, "a sampler needs 1..4294967295 examples, got 0");
  expect_error([] { uniform_sampler(5, {.batch_size = 0}); },
               "batch_size must be at least 1, got 0 (sampler)");
  expect_error([] { uniform_sampler(5, {.batch_size = 6, .drops_last = true}); },
               "dropping the last batch needs at least one batch of 6, got 5 examples (sampler)");
  expect_error([] { (void)uniform_sampler(5, {})->indices(-1); },
               "a batch's number must be at least 0, got -1");
  expect_error(
      [] {
        class_sampler({1, 1, 2}, {.classes = 3});
      },
      "batches of 3 classes need as many, got 2 (class_sampler)");
  expect_error([] { class_sampler({1}, {.classes = 1, .examples = 0}); },
               "classes and examples must be at least 1, got 1 and 0 (class_sampler)");
  expect_error(
      [] {
        aspect_sampler({1, 0}, {});
      },
      "a ratio of width to height must be above 0, got 0 of example 1 (aspect_sampler)");
  expect_error(
      [] {
        aspect_sampler({1}, {.edges = {2, 1}});
      },
      "edges must ascend (aspect_sampler)");
  expect_error([] { clip_sampler(4, {.batch_size = 4, .clips = 3}); },
               "batch_size must be a multiple of clips, got 4 and 3 (clip_sampler)");
}

}  // namespace sampler_test
}  // namespace clew::data
