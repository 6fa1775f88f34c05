// SPDX-License-Identifier: Apache-2.0
#include "clew/train/evaluator.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

#include "clew/core/error.h"
#include "clew/train/processes_as_threads.h"
#include "clew/train/task.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace evaluator_test {

/// Example i is the number sqrt(i), drawn with noise.
class Roots : public data::Dataset {
 public:
  std::int64_t size() const override { return 23; }
  data::Example get(std::int64_t index, const Key& key) const override {
    CLEW_CHECK(index != bad, "example is bad");
    Stream stream(key);
    return {{"number", torch::tensor(std::sqrt(static_cast<float>(index)) + stream.uniform())}};
  }
  data::Columns columns() const override {
    return {{.name = "number", .shape = {}, .type = torch::kFloat32, .meaning = "a root"}};
  }
  std::int64_t bad = -1;
};

/// The mean number, and how many.
class Mean : public Evaluator {
 public:
  void add(const data::Batch& outputs, const data::Batch& batch) override {
    for (std::int64_t i = 0; i < batch.size(); ++i)
      rows_.add(batch.indices[i].item<std::int64_t>(),
                std::vector<double>{outputs["number"][i].item<double>()});
  }
  std::string bytes() const override { return rows_.bytes(); }
  void merge(std::string_view bytes) override { rows_.merge(bytes); }
  std::vector<runs::Measure> result() const override {
    return {{.name = "mean", .value = rows_.mean(0)},
            {.name = "count", .value = static_cast<double>(rows_.size())}};
  }

 private:
  Rows rows_{1};
};

struct RootTask : Task {
  std::shared_ptr<torch::nn::Module> make_network() const override {
    return std::make_shared<torch::nn::LinearImpl>(1, 1);
  }
  data::Batch forward(torch::nn::Module& network, const data::Batch& batch,
                      const Key& key) const override {
    EXPECT_FALSE(network.is_training());
    EXPECT_FALSE(torch::GradMode::is_enabled());
    Stream stream(key);
    data::Batch outputs;
    outputs.set("number", batch["number"] * (1 + stream.uniform()));
    return outputs;
  }
  Loss loss(const data::Batch&, const data::Batch&, const Key&) const override { return {}; }
  std::unique_ptr<Evaluator> make_evaluator() const override { return std::make_unique<Mean>(); }
  const data::Dataset& train_set() const override { return set; }
  const data::Dataset& validation_set() const override { return set; }
  const data::Dataset& test_set() const override { return set; }
  Roots set;
};

double mean_in(const RootTask& task, int networks, Processes* processes = nullptr) {
  std::vector<std::shared_ptr<torch::nn::Module>> owners;
  std::vector<torch::nn::Module*> pointers;
  for (int i = 0; i < networks; ++i) {
    owners.push_back(task.make_network());
    pointers.push_back(owners.back().get());
  }
  std::vector<double> shares;
  const auto result = evaluate(task, pointers, task.set,
                               {.batch = 4,
                                .key = Key{3},
                                .on_progress = [&](double share) { shares.push_back(share); },
                                .processes = processes})
                          ->result();
  EXPECT_EQ(result[1].value, 23);
  EXPECT_EQ(shares.back(), 1);
  EXPECT_EQ(std::ranges::count(shares, 1), 1);
  return result[0].value;
}

TEST(Evaluate, IsTheSameForAnyNumberOfNetworksAndProcesses) {
  const RootTask task;
  const double one = mean_in(task, 1);
  for (const int networks : {2, 3, 9}) EXPECT_EQ(mean_in(task, networks), one) << networks;
  for (const int count : {2, 3}) {
    std::vector<double> means(static_cast<std::size_t>(count));
    const auto errors = run_as_threads(count, [&](Processes& processes) {
      means[static_cast<std::size_t>(processes.rank())] = mean_in(task, 2, &processes);
    });
    EXPECT_EQ(errors, std::vector<std::string>(static_cast<std::size_t>(count)));
    EXPECT_EQ(means, std::vector<double>(static_cast<std::size_t>(count), one));
  }
}

TEST(Evaluate, NamesTheExampleThatIsBad) {
  RootTask task;
  task.set.bad = 17;
  EXPECT_EQ(error_of([&] { (void)mean_in(task, 2); }), "example is bad (example 17)");
}

TEST(Rows, MeanIsOfRowsByNumber) {
  Rows rows(2), other(2);
  EXPECT_TRUE(std::isnan(rows.mean(0)));
  rows.add(4, std::vector<double>{1, 10});
  other.add(2, std::vector<double>{3, 30});
  rows.merge(other.bytes());
  EXPECT_EQ(rows.mean(0), 2);
  EXPECT_EQ(rows.mean(1), 20);
  EXPECT_EQ(rows.rows().begin()->first, 2);
  EXPECT_THROW(rows.add(4, std::vector<double>{1, 1}), Error);
  EXPECT_THROW(rows.add(5, std::vector<double>{1}), Error);
  EXPECT_THROW(rows.merge("seven"), Error);
}

}  // namespace evaluator_test
}  // namespace clew::train
