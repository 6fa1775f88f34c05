// SPDX-License-Identifier: Apache-2.0
// Validation of checkpoints, and of folders before writing. Whole runs: loop_test.cpp and
// tests/cli/train_test.py.
#include "clew/train/run_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::train {
namespace run_folder_test {

std::vector<std::byte> file_of(const std::map<std::string, std::string>& metadata) {
  return nn::write_safetensors({.metadata = metadata});
}

TEST(Checkpoint, OfTheRightFormatIsParsed) {
  const auto bytes = file_of({{"clew.format", "room.checkpoint.2"}, {"steps", "7"}});
  EXPECT_EQ(parse_checkpoint(bytes, "a.safetensors", "room.checkpoint.2").metadata.at("steps"),
            "7");
}

TEST(Checkpoint, OfAnotherFormatIsRefused) {
  const auto other = file_of({{"clew.format", "room.checkpoint.1"}});
  expect_error([&] { parse_checkpoint(other, "a.safetensors", "room.checkpoint.2"); },
               "a.safetensors: not a checkpoint of this version: format must be "
               "'room.checkpoint.2', got 'room.checkpoint.1'");
  const auto none = file_of({{"steps", "7"}});
  expect_error([&] { parse_checkpoint(none, "a.safetensors", "room.checkpoint.2"); },
               "a.safetensors: metadata 'clew.format' is missing");
}

namespace fs = std::filesystem;

struct RunFolder : testing::Test {
  fs::path run =
      fs::temp_directory_path() /
      ("clew_folder_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  RunFolder() {
    fs::remove_all(run);
    make_folders(run / "checkpoints");
    runs::write_run_config(run, "about", "seed = 1\n");
  }
  ~RunFolder() override { fs::remove_all(run); }
};

TEST_F(RunFolder, ADamagedBestSaysWhatToDo) {
  save_best(run, file_of({{"clew.steps", "3"}}));
  EXPECT_EQ(best_checkpoint(run).steps, 3);
  const auto best = (run / "checkpoints/best.safetensors").string();
  write_file_atomic(best, "no such thing");
  EXPECT_EQ(error_of([&] { best_checkpoint(run); }).find("; when"), std::string::npos);
  save_checkpoint(run, 20, file_of({}));
  const auto error = error_of([&] { best_checkpoint(run); });
  EXPECT_TRUE(error.starts_with(best + ": ")) << error;
  EXPECT_TRUE(
      error.ends_with("; when this file is removed, the newest checkpoint is taken instead"))
      << error;
  fs::remove(best);
  EXPECT_EQ(best_checkpoint(run).path.filename(), "step_000000000020.safetensors");
}

TEST_F(RunFolder, TellsTheAgeOfWeights) {
  save_best(run, file_of({{"clew.steps", "3"}}));
  EXPECT_EQ(weights_age(run, best_checkpoint(run)).step, 3);
  EXPECT_EQ(weights_age(run, best_checkpoint(run)).run_step, std::nullopt);
  save_checkpoint(run, 20, file_of({}));  // of an older version
  EXPECT_EQ(weights_age(run, newest_checkpoint(run)).step, std::nullopt);
  EXPECT_EQ(weights_age(run, best_checkpoint(run)).run_step, 20);
}

TEST(CheckSettings, NamesWhatDiffers) {
  const RunSettings then{.config = "seed = 1\n[train]\nlr = 1\nsteps = 100\nworkers = 4\n"};
  const std::map<std::string, Resume> rules = {{"train.steps", Resume::kMore},
                                               {"train.workers", Resume::kInTotal},
                                               {"train.loaders", Resume::kAny}};
  const auto error = [&](const std::string& config, int processes = 1) {
    const auto text = error_of(
        [&] { check_settings("c", then, {.config = config, .processes = processes}, rules); });
    const std::string head = "c: the run was begun with other settings: ";
    return text.starts_with(head) ? text.substr(head.size(), text.find(';') - head.size()) : text;
  };
  EXPECT_EQ(error(then.config), "no error");
  EXPECT_EQ(error("seed = 1\ntrain = { lr = 1.0, steps = 1e3, workers = 4, loaders = 2 }\n"),
            "no error");
  EXPECT_EQ(error("seed = 2\n[train]\nlr = 0.5\nsteps = 99\nworkers = 2\nmore = 'x'\n"),
            "seed was 1 and is 2, train.lr was 1 and is 0.5, train.more was not set and is \"x\", "
            "train.steps was 100 and is 99, train.workers was 4 and is 2");
  EXPECT_EQ(error("seed = 1\n[train]\nlr = 1\nsteps = 100\nworkers = 2\n", 2), "no error");
  expect_error(
      [] {
        check_settings("c", {.config = "s = 9007199254740992"}, {.config = "s = 9007199254740993"},
                       {});
      },
      "c: the run was begun with other settings: s was 9007199254740992 and is 9007199254740993; "
      "put "
      "them back, or train anew with --config c");
}

}  // namespace run_folder_test
}  // namespace clew::train
