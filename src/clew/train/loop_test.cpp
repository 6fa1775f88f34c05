// SPDX-License-Identifier: Apache-2.0
// Damaged run folders, and logged ends. Same bytes after a resume: clew/navigate/run_test.cpp and
// tests/cli.
#include "clew/train/loop.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "clew/core/files.h"
#include "clew/nn/safetensors.h"
#include "clew/train/run_folder.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace loop_test {

constexpr LoopConfig kTwenty = {.steps = 20, .log_steps = 1, .checkpoint_seconds = 0};

namespace fs = std::filesystem;

/// Counts its steps.
class Counter : public Learner {
 public:
  explicit Counter(std::int64_t last) : last_(last) {}
  void update() override {
    CLEW_CHECK(steps_ != fails_at, "the loss is nan");
    ++steps_;
    if (watch) watch("evaluating", 1);
  }
  void watch_passes(PassWatch the_watch) override { watch = std::move(the_watch); }
  std::int64_t steps() const override { return steps_; }
  bool is_finished() const override { return steps_ >= last_; }
  std::string early_end() const override { return last_ < 20 ? "it had enough" : ""; }
  std::vector<runs::Metric> take_metrics() override { return {}; }
  bool is_best() const override { return steps_ == 2; }
  std::vector<std::byte> checkpoint(
      const std::map<std::string, std::string>& about) const override {
    auto metadata = about;
    metadata["steps"] = std::to_string(steps_);
    return nn::write_safetensors({.metadata = metadata});
  }
  void restore(std::span<const std::byte> bytes, const std::string& name) override {
    steps_ = std::stoll(nn::parse_safetensors(bytes, name).metadata.at("steps"));
  }

  std::int64_t fails_at = -1;
  PassWatch watch;

 private:
  std::int64_t last_, steps_ = 0;
};

struct Loop : testing::Test {
  fs::path run =
      fs::temp_directory_path() /
      ("clew_loop_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  Loop() {
    fs::remove_all(run);
    make_folders(run / "checkpoints");
    configure("seed = 1\n[train]\nsteps = 20\n");
  }
  ~Loop() override { fs::remove_all(run); }

  void configure(const std::string& text) const { runs::write_run_config(run, "about", text); }
  RunEnd train(bool is_resumed = false, std::int64_t last = 20, std::int64_t fails_at = -1) const {
    Counter learner(last);
    learner.fails_at = fails_at;
    return train_run(
        run, learner,
        {.loop = kTwenty,
         .resume_rules = {{"train.steps", Resume::kMore}, {"train.loaders", Resume::kAny}},
         .is_resumed = is_resumed},
        {});
  }
  std::string file(const char* name) const { return read_file(run / name, 1 << 20); }
  void remove_steps() const {
    for (const auto& item : fs::directory_iterator(run / "checkpoints"))
      if (item.path().filename().string().starts_with("step_")) fs::remove(item.path());
  }
};

TEST_F(Loop, ATrainedRunWithoutCheckpointsIsLeftAsItIs) {
  train();
  remove_steps();
  const auto metrics = file("metrics.jsonl"), best = file("checkpoints/best.safetensors"),
             log = file("log.txt");
  const std::string error = run.string() +
                            " has been trained, but has no checkpoints/step_*.safetensors to go on "
                            "from; put one back, or "
                            "train anew with --config " +
                            (run / "config.toml").string();
  for (const bool is_resumed : {true, false}) expect_error([&] { train(is_resumed); }, error);
  EXPECT_EQ(file("metrics.jsonl"), metrics);
  EXPECT_EQ(file("checkpoints/best.safetensors"), best);
  EXPECT_EQ(file("log.txt"), log);
  fs::remove(run / "metrics.jsonl");
  expect_error([&] { train(true); }, error);
  fs::remove(run / "checkpoints/best.safetensors");  // killed before its first checkpoint
  EXPECT_EQ(train(true), RunEnd::kFinished);
}

TEST_F(Loop, EvaluationsAreWatchedAsLongAsItTrains) {
  for (const std::int64_t fails_at : {-1, 5}) {
    fs::remove_all(run / "checkpoints");
    fs::remove(run / "metrics.jsonl");
    make_folders(run / "checkpoints");
    Counter learner(20);
    learner.fails_at = fails_at;
    int calls = 0;
    const RunCallbacks callbacks{
        .on_pass = [&](std::string_view /*name*/, double share) { calls += share == 1; }};
    const auto begin = [&] { train_run(run, learner, {.loop = kTwenty}, callbacks); };
    if (fails_at < 0) {
      begin();
    } else {
      expect_error(begin, "the loss is nan");
    }
    EXPECT_EQ(calls, fails_at < 0 ? 20 : 5);
    EXPECT_FALSE(learner.watch);
  }
}

TEST_F(Loop, OtherSettingsAreRefusedBeforeAnythingIsTouched) {
  train();
  const auto metrics = file("metrics.jsonl"), log = file("log.txt");
  configure("seed = 2\n[train]\nsteps = 20\n");
  expect_error(
      [&] { train(true); },
      (run / "config.toml").string() +
          ": the run was begun with other settings: seed was 1 and is 2; put them back, or "
          "train anew with --config " +
          (run / "config.toml").string());
  EXPECT_EQ(file("metrics.jsonl"), metrics);
  EXPECT_EQ(file("log.txt"), log);
  configure("seed = 1\n[train]\nsteps = 30\nloaders = 3\n");
  EXPECT_EQ(train(true, 30), RunEnd::kFinished);
  EXPECT_EQ(newest_checkpoint(run).steps, 30);
}

TEST_F(Loop, TheLogSaysWhyItEnded) {
  train();
  EXPECT_TRUE(file("log.txt").ends_with(" finished at step 20\n"));
}

TEST_F(Loop, TheLogSaysWhyItEndedEarly) {
  train(false, 15);
  EXPECT_TRUE(file("log.txt").ends_with(" finished at step 15: it had enough\n"));
}

TEST_F(Loop, TheLogSaysWhichErrorEndedIt) {
  expect_error([&] { train(false, 20, 7); }, "the loss is nan");
  EXPECT_TRUE(file("log.txt").ends_with(" ended by an error: the loss is nan\n"));
  fs::rename(run / "checkpoints", run / "gone");  // as a disk that is full: nothing can be saved
  EXPECT_NE(error_of([&] { train(); }), "no error");
  fs::rename(run / "gone", run / "checkpoints");
  EXPECT_NE(error_of([&] { train(true, 20, 7); }), "no error");
  EXPECT_TRUE(file("log.txt").ends_with(" ended by an error: the loss is nan\n"));
}

TEST_F(Loop, WhatCannotBeSavedStandsInTheLog) {
  Counter learner(20);
  const auto path = run / "checkpoints";
  const auto error = error_of([&] {
    train_run(run, learner, {.loop = kTwenty}, {.should_stop = [&] {
                if (fs::exists(path)) fs::rename(path, run / "gone");
                return false;
              }});
  });
  EXPECT_TRUE(error.starts_with("cannot write '" + path.string())) << error;
  EXPECT_TRUE(file("log.txt").ends_with(" ended by an error: " + error + "\n"));
}

}  // namespace loop_test
}  // namespace clew::train
