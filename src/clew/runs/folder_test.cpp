// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/expect_error.h"

namespace clew::runs {
namespace folder_test {

namespace fs = std::filesystem;

struct RunFolder : testing::Test {
  fs::path run = fs::temp_directory_path() /
                 ("clew_run_folder_" +
                  std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  RunFolder() {
    fs::remove_all(run);
    make_folders(run / "checkpoints");
    write_run_config(run, "about", "seed = 1\n");
  }
  ~RunFolder() override { fs::remove_all(run); }
};

TEST_F(RunFolder, ALockOutlivesAnEditedConfig) {
  const RunLock lock(run);
  expect_error([&] { RunLock{run}; }, "another process is training in " + run.string());
  write_run_config(run, "about", "seed = 2\n");  // a file of its own, as editors write one
  expect_error([&] { RunLock{run}; }, "another process is training in " + run.string());
}

TEST_F(RunFolder, WhatKilledWritersLeftIsRemoved) {
  make_folders(run / "pictures");
  for (const char* name :
       {"eval.json.part", "pictures/a.png.part", "checkpoints/best.part", "kept"})
    write_file_atomic(run / name, "half");
  write_file_atomic(run / "report.part", "at work");
  const PathLock writer(run / "report.part");
  remove_parts(run);
  std::vector<std::string> left;
  for (const auto& item : fs::recursive_directory_iterator(run))
    if (item.is_regular_file()) left.push_back(item.path().filename());
  std::sort(left.begin(), left.end());
  EXPECT_EQ(left, (std::vector<std::string>{"config.toml", "kept", "report.part"}));
}

TEST_F(RunFolder, WhatCannotBeReadIsOneSentence) {
  fs::remove(run / "config.toml");
  fs::create_symlink("config.toml", run / "config.toml");
  expect_error([&] { read_config(run); }, "cannot read '" + (run / "config.toml").string() +
                                              "': Too many levels of symbolic links");
  const std::string longest(300, 'x');
  expect_error([&] { read_config(longest); },
               "cannot read '" + longest + "/config.toml': File name too long");
}

}  // namespace folder_test
}  // namespace clew::runs
