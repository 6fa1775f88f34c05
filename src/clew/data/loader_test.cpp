// SPDX-License-Identifier: Apache-2.0
#include "clew/data/loader.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace loader_test {

/// Example i: image [2] f32 = (i, a number from the key), label i.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size, std::int64_t bad = -1) : size_(size), bad_(bad) {}
  std::int64_t size() const override { return size_; }
  Example get(std::int64_t index, const Key& key) const override {
    CLEW_CHECK(index != bad_, index, " is bad");
    return {{"image", torch::tensor({static_cast<float>(index), Stream(key).uniform()})},
            {"label", torch::tensor(index, torch::kInt64)}};
  }
  Columns columns() const override { return image_and_label({-1}); }

 private:
  std::int64_t size_, bad_;
};

std::vector<std::int64_t> list(const torch::Tensor& indices) {
  return {indices.data_ptr<std::int64_t>(), indices.data_ptr<std::int64_t>() + indices.numel()};
}

TEST(Loader, GoesThroughTheSetInOrder) {
  const Numbers numbers(5);
  Loader loader(numbers, {.batch_size = 2, .is_shuffled = false, .threads = 0});
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{2, 3}));
  const Batch last = loader.next();
  EXPECT_EQ(list(last.indices), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(last["image"].sizes(), (torch::IntArrayRef{1, 2}));
  EXPECT_EQ(last["image"][0][0].item<float>(), 4);
  EXPECT_EQ(list(last["label"]), (std::vector<std::int64_t>{4}));
  EXPECT_EQ(loader.position(), 3);
  EXPECT_EQ(loader.epoch_of(3), 1);
  EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{0, 1}));

  Loader dropping(numbers, {.batch_size = 2, .is_shuffled = false, .drops_last = true});
  EXPECT_EQ(dropping.batches_per_epoch(), 2);
  dropping.seek(2);
  EXPECT_EQ(list(dropping.next().indices), (std::vector<std::int64_t>{0, 1}));
}

TEST(Loader, ShufflesEveryEpochAnotherWayWithEveryExampleOnce) {
  const Numbers numbers(100);
  Loader loader(numbers, {.batch_size = 7, .key = {3}, .threads = 2});
  std::vector<std::vector<std::int64_t>> epochs;
  for (int epoch = 0; epoch < 4; ++epoch) {
    std::vector<std::int64_t> seen;
    for (std::int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
      const auto indices = list(loader.next().indices);
      seen.insert(seen.end(), indices.begin(), indices.end());
    }
    EXPECT_EQ(seen.size(), 100U);
    EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 100U);
    for (const auto& before : epochs) EXPECT_NE(before, seen);
    EXPECT_FALSE(std::is_sorted(seen.begin(), seen.end()));
    epochs.push_back(seen);
  }
}

TEST(Loader, SameBytesForAnyNumberOfWorkersAndAfterSeek) {
  const Numbers numbers(23);
  const LoaderOptions options = {.batch_size = 4, .key = {9}, .threads = 0};
  Loader plain(numbers, options);
  std::vector<Batch> wanted;
  for (int i = 0; i < 40; ++i) wanted.push_back(plain.next());
  for (const int threads : {1, 3, 8}) {
    for (const int prefetch : {1, 30}) {
      LoaderOptions threaded = options;
      threaded.threads = threads;
      threaded.prefetch = prefetch;
      Loader loader(numbers, threaded);
      for (const std::int64_t start : {0, 31, 8}) {
        loader.seek(start);
        for (std::int64_t i = start; i < std::min<std::int64_t>(start + 20, 40); ++i) {
          const Batch got = loader.next();
          EXPECT_TRUE(got["image"].equal(wanted[static_cast<std::size_t>(i)]["image"])) << i;
          EXPECT_TRUE(got["label"].equal(wanted[static_cast<std::size_t>(i)]["label"])) << i;
          EXPECT_TRUE(got.indices.equal(wanted[static_cast<std::size_t>(i)].indices)) << i;
        }
      }
    }
  }
}

TEST(Loader, KeysOfExamplesAreSplitByEpochAndIndex) {
  const Numbers numbers(3);
  Loader loader(numbers, {.batch_size = 3, .is_shuffled = false, .key = {5}});
  loader.seek(2);
  EXPECT_EQ(loader.next()["image"][1][1].item<float>(), Stream(fold_in({5}, 2, 1)).uniform());
}

TEST(Loader, PartsOfABatchAreTheBatch) {
  const Numbers numbers(11);
  for (const int threads : {0, 2}) {
    Loader whole(numbers, {.batch_size = 4, .key = {5}, .threads = threads});
    std::vector<std::unique_ptr<Loader>> parts;
    for (int part = 0; part < 5; ++part) {
      parts.push_back(std::make_unique<Loader>(
          numbers, LoaderOptions{
                       .batch_size = 4, .key = {5}, .threads = threads, .part = part, .parts = 5}));
    }
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(parts[4]->size_of(i), i % 3 == 2 ? 3 : 4);
      const Batch batch = whole.next();
      std::vector<torch::Tensor> inputs, targets, indices;
      for (const auto& part : parts) {
        const Batch some = part->next();
        if (some.size() == 0) continue;  // five parts of at most four
        inputs.push_back(some["image"]);
        targets.push_back(some["label"]);
        indices.push_back(some.indices);
      }
      EXPECT_TRUE(torch::cat(inputs).equal(batch["image"]));
      EXPECT_TRUE(torch::cat(targets).equal(batch["label"]));
      EXPECT_TRUE(torch::cat(indices).equal(batch.indices));
    }
  }
}

TEST(Loader, AnErrorComesAtItsBatchAndStays) {
  const Numbers numbers(10, 5);
  for (const int threads : {0, 2}) {
    Loader loader(numbers, {.batch_size = 2, .is_shuffled = false, .threads = threads});
    EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{0, 1}));
    EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{2, 3}));
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(error_of([&] { (void)loader.next(); }), "5 is bad (example 5)");
    loader.seek(3);
    EXPECT_EQ(list(loader.next().indices), (std::vector<std::int64_t>{6, 7}));
  }
}

TEST(Loader, OneSentencePerError) {
  const Numbers numbers(10), none(0);
  EXPECT_EQ(error_of([&] { Loader(none, {}); }), "a sampler needs 1..4294967295 examples, got 0");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.batch_size = 0}); }),
            "batch_size must be at least 1, got 0 (sampler)");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.threads = -1}); }),
            "a loader's threads must be in 0..256, got -1");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.prefetch = 0}); }),
            "a loader's prefetch must be in 1..4096, got 0");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.batch_size = 11, .drops_last = true}); }),
            "dropping the last batch needs at least one batch of 11, got 10 examples (sampler)");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.part = 2, .parts = 2}); }),
            "a loader's part must be in 0..1, got 2");
  EXPECT_EQ(error_of([&] { Loader(numbers, {.parts = 0}); }),
            "a loader's parts must be at least 1, got 0");
  Loader loader(numbers, {});
  EXPECT_EQ(error_of([&] { loader.seek(-1); }), "a loader can seek to batch 0 or later, got -1");
}

TEST(Loader, RepeatedExamplesHaveKeysOfTheirOwnWhoeverMakesThem) {
  const Numbers numbers(5);
  const auto sampler = clip_sampler(5, {.batch_size = 6, .clips = 3, .key = {4}});
  Loader whole(numbers, {.sampler = sampler, .key = {6}, .threads = 0});
  Loader first(numbers, {.sampler = sampler, .key = {6}, .threads = 1, .part = 0, .parts = 2});
  Loader second(numbers, {.sampler = sampler, .key = {6}, .threads = 2, .part = 1, .parts = 2});
  std::set<float> seen;
  for (int i = 0; i < 6; ++i) {
    const Batch batch = whole.next();
    EXPECT_EQ(list(batch.indices), sampler->indices(i));
    EXPECT_TRUE(torch::cat({first.next()["image"], second.next()["image"]}).equal(batch["image"]));
    for (std::int64_t k = 0; k < batch.size(); ++k) seen.insert(batch["image"][k][1].item<float>());
  }
  EXPECT_EQ(seen.size(), 30U);  // two epochs of five videos, three clips each
}

/// Example 7 has another shape.
class Uneven : public Numbers {
 public:
  Uneven() : Numbers(10) {}
  Example get(std::int64_t index, const Key& key) const override {
    Example example = Numbers::get(index, key);
    if (index == 7) example.set("image", torch::zeros({3}));
    return example;
  }
};

TEST(Loader, NamesTheExampleThatDoesNotGoWithTheOthers) {
  const Uneven uneven;
  Loader loader(uneven, {.batch_size = 4, .is_shuffled = false, .threads = 0});
  loader.seek(1);
  EXPECT_EQ(
      error_of([&] { (void)loader.next(); }),
      "column 'image' must have one shape in a batch, got [2] and, at place 3, [3]; resize them "
      "(example 7)");
}

}  // namespace loader_test
}  // namespace clew::data
