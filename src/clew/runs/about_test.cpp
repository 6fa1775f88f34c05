// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/about.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::runs {
namespace about_test {

namespace fs = std::filesystem;

struct About : testing::Test {
  void SetUp() override { fs::create_directories(run_); }
  void TearDown() override { fs::remove_all(run_); }
  fs::path run_ = fs::temp_directory_path() / concat("clew_about_test_", ::getpid());
};

TEST_F(About, ReadsWhatItWrote) {
  EXPECT_EQ(read_about(run_).step_name, "steps");
  write_about(
      run_,
      {.title = "<a>",
       .step_name = "agent steps",
       .notes = {"drawn"},
       .plots = {
           {.title = "Score",
            .unit = "reward",
            .lines = {{.metric = "score", .name = "agent", .is_rare = true, .weight = "episodes"}},
            .place = PlotPlace::kHidden,
            .has_zero = false,
            .references = {{.name = "guess", .value = 0.125}}}}});
  const auto about = read_about(run_);
  EXPECT_EQ(about.title, "<a>");
  EXPECT_EQ(about.step_name, "agent steps");
  EXPECT_EQ(about.notes, std::vector<std::string>{"drawn"});
  ASSERT_EQ(about.plots.size(), 1U);
  const auto& plot = about.plots[0];
  EXPECT_EQ(plot.title, "Score");
  EXPECT_EQ(plot.unit, "reward");
  EXPECT_EQ(plot.place, PlotPlace::kHidden);
  EXPECT_FALSE(plot.has_zero);
  ASSERT_EQ(plot.lines.size(), 1U);
  EXPECT_EQ(plot.lines[0].metric, "score");
  EXPECT_EQ(plot.lines[0].name, "agent");
  EXPECT_TRUE(plot.lines[0].is_rare);
  EXPECT_EQ(plot.lines[0].weight, "episodes");
  ASSERT_EQ(plot.references.size(), 1U);
  EXPECT_EQ(plot.references[0].name, "guess");
  EXPECT_EQ(plot.references[0].value, 0.125);
}

TEST_F(About, RefusesAnUnknownPlace) {
  write_file_atomic(
      run_ / "run.json",
      R"({"step_name": "steps", "plots": [{"title": "a", "place": "third", "lines": []}]})");
  EXPECT_EQ(error_of([&] { (void)read_about(run_); }),
            (run_ / "run.json").string() +
                ": plots[0].place must be first, second or hidden, got \"third\"");
}

TEST(LearningPlots, TheMonitoredMeasureComesFirst) {
  const auto plots = learning_plots(
      {{.name = "loss", .unit = "nats"}, {.name = "top1_error", .unit = "share"}}, "top1_error");
  ASSERT_EQ(plots.size(), 5U);
  EXPECT_EQ(plots[0].title, "Top1 error");
  EXPECT_EQ(plots[0].unit, "share");
  EXPECT_EQ(plots[0].place, PlotPlace::kFirst);
  ASSERT_EQ(plots[0].lines.size(), 2U);
  EXPECT_EQ(plots[0].lines[0].metric, "val_top1_error");
  EXPECT_TRUE(plots[0].lines[0].is_rare);
  EXPECT_EQ(plots[0].lines[1].metric, "top1_error");
  EXPECT_EQ(plots[1].title, "Loss");
  EXPECT_EQ(plots[1].place, PlotPlace::kSecond);
  EXPECT_EQ(plots.back().place, PlotPlace::kHidden);
}

}  // namespace about_test
}  // namespace clew::runs
