// SPDX-License-Identifier: Apache-2.0
#include "clew/navigate/run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/ops/precision.h"
#include "clew/runs/metrics.h"
#include "clew/train/run_folder.h"

namespace clew::navigate {
namespace run_test {

namespace fs = std::filesystem;
using train::newest_checkpoint;
using train::Progress;
using train::RunEnd;

class RunTest : public ::testing::Test {
 protected:
  RunTest() : root_(fs::temp_directory_path() / ("clew_run_test_" + std::to_string(::getpid()))) {
    fs::remove_all(root_);
  }
  ~RunTest() override { fs::remove_all(root_); }

  fs::path make_run() const {
    NavigateConfig config;
    config.level = "tiny";
    config.size = 36;
    config.lstm1 = 8;
    config.lstm2 = 16;
    config.train.steps = 400;
    config.train.worlds = 4;
    config.train.unroll = 5;
    config.train.log_steps = 60;
    config.train.checkpoint_seconds = 0;  // after every update
    return create_run(root_, "navigate/test", config, "clew test\nsecond line");
  }

  fs::path root_;
};

std::string last_checkpoint(const fs::path& run) { return newest_checkpoint(run).bytes; }

TEST_F(RunTest, FillsTheFolder) {
  const auto run = make_run();
  int lines = 0;
  const auto end = train_run(run, false, {.on_log = [&](const Progress& progress) {
                               ++lines;
                               EXPECT_GT(progress.steps_per_second, 0);
                             }});
  EXPECT_EQ(end, RunEnd::kFinished);
  const auto metrics = runs::read_metrics(run / "metrics.jsonl");
  EXPECT_EQ(metrics.size(), static_cast<std::size_t>(lines));
  EXPECT_EQ(metrics.size(), 7U);  // where 60, 120, ... 360 are passed, and the end
  EXPECT_EQ(metrics.back().step, 400);
  EXPECT_EQ(newest_checkpoint(run).path.filename(), "step_000000000400.safetensors");
  EXPECT_EQ(read_file(run / "config.toml", 1 << 20).substr(0, 26), "# clew test\n# second line\n");
  EXPECT_EQ(read_run(run).train.log_steps, 60);
  EXPECT_EQ(read_run(run).train.precision,
            ops::resolve_precision(ops::PrecisionChoice::kAuto, ops::Products::kKernels));
}

TEST_F(RunTest, StoppedAndResumedEqualsNeverStopped) {
  const auto whole = make_run(), parts = make_run();
  EXPECT_NE(whole, parts);
  train_run(whole, false, {});
  int updates = 0;
  EXPECT_EQ(train_run(parts, false, {.should_stop = [&] { return ++updates == 7; }}),
            RunEnd::kStopped);
  EXPECT_EQ(train_run(parts, true, {.should_stop = [&] { return ++updates == 12; }}),
            RunEnd::kStopped);
  EXPECT_EQ(train_run(parts, true, {}), RunEnd::kFinished);
  EXPECT_EQ(last_checkpoint(whole), last_checkpoint(parts));
  const auto first = runs::read_metrics(whole / "metrics.jsonl"),
             second = runs::read_metrics(parts / "metrics.jsonl");
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].step, second[i].step);
    for (const auto* name : {"score", "loss_policy", "loss_value", "entropy", "loss_depth1",
                             "loss_loop", "grad_norm", "lr"}) {
      EXPECT_EQ(first[i].get(name), second[i].get(name)) << name << " at " << first[i].step;
    }
  }
}

TEST_F(RunTest, SkipsADamagedCheckpoint) {
  const auto run = make_run();
  train_run(run, false, {});
  const auto newest = newest_checkpoint(run).path;
  fs::resize_file(newest, fs::file_size(newest) / 2);
  const auto older = newest_checkpoint(run).path;
  EXPECT_EQ(older.filename(), "step_000000000380.safetensors");
  EXPECT_EQ(train_run(run, true, {}), RunEnd::kFinished);
  EXPECT_EQ(newest_checkpoint(run).path, newest);
}

TEST_F(RunTest, ARunFromBeforeTimeoutsWereBootstrappedGoesOnWithoutThat) {
  const auto run = make_run();
  EXPECT_TRUE(read_run(run).train.bootstrap_timeouts);
  auto text = read_file(run / "config.toml", 1 << 20);
  const std::string line = "bootstrap_timeouts = true\n";
  ASSERT_NE(text.find(line), std::string::npos) << text;
  write_file_atomic(run / "config.toml", text.erase(text.find(line), line.size()));
  EXPECT_FALSE(read_run(run).train.bootstrap_timeouts);
  EXPECT_EQ(train_run(run, false, {}), RunEnd::kFinished);
}

TEST_F(RunTest, SaysWhatIsNotARun) {
  fs::create_directories(root_);
  try {
    read_run(root_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("is not a run folder: it has no config.toml"),
              std::string::npos);
  }
  const auto run = make_run();
  EXPECT_THROW(newest_checkpoint(run), Error);
  train_run(run, false, {});
  EXPECT_THROW(train_run(run, false, {}), Error);  // it has checkpoints: resume or start another
}

}  // namespace run_test
}  // namespace clew::navigate
