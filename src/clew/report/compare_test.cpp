// SPDX-License-Identifier: Apache-2.0
#include "clew/report/compare.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::report {
namespace compare_test {

namespace fs = std::filesystem;

bool is_setting(const std::string& system, const std::string& key) {
  EXPECT_TRUE(system == "warp" || system == "locate") << system;
  return key != "seed" && key != "train.loaders";
}

struct CompareRuns : testing::Test {
  CompareRuns() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~CompareRuns() override { fs::remove_all(folder); }
  fs::path run(const std::string& name, const std::string& config, double error,
               const std::string& system = "warp") {
    const auto path = folder / name;
    fs::create_directories(path);
    write_file_atomic(path / "config.toml", concat("system = '", system, "'\n", config));
    if (error >= 0) {
      const nlohmann::json root = {
          {"measures",
           {{{"name", "error"}, {"value", error}, {"unit", "share"}, {"better", "smaller"}},
            {{"name", "overlap"}, {"value", 1 - error}, {"unit", ""}, {"better", "larger"}},
            {{"name", "rank"}, {"value", nullptr}, {"unit", ""}, {"better", "larger"}}}}};
      write_file_atomic(path / "eval.json", root.dump());
    }
    write_file_atomic(
        path / "metrics.jsonl",
        std::string_view("{\"step\":10,\"seconds\":30}\n{\"step\":20,\"seconds\":60}\n"));
    runs.push_back(path);
    return path;
  }
  fs::path folder = fs::temp_directory_path() /
                    concat("clew_compare_", ::getpid(), "_",
                           testing::UnitTest::GetInstance()->current_test_info()->name());
  std::vector<fs::path> runs;
};

TEST_F(CompareRuns, SettingsThatDifferAndTheBestMeasures) {
  run("a", "seed = 1\n[train]\nlr = 0.1\nloaders = 1\n", 0.25);
  run("b", "seed = 1\n[train]\nlr = 0.2\nloaders = 2\n", 0.125);
  run("c", "seed = 1\n[train]\nlr = 0.3\n", -1);
  const auto comparison = compare(runs, is_setting);
  EXPECT_EQ(comparison.system, "warp");
  EXPECT_EQ(comparison.keys, std::vector<std::string>{"train.lr"});
  ASSERT_EQ(comparison.settings.size(), 3U);
  EXPECT_EQ(comparison.settings[1].values.at("train.lr"), "0.2");
  EXPECT_FALSE(comparison.settings[0].measures.at("error").is_best);
  EXPECT_TRUE(comparison.settings[1].measures.at("error").is_best);
  EXPECT_TRUE(comparison.settings[1].measures.at("overlap").is_best);
  EXPECT_TRUE(comparison.settings[2].measures.empty());
  EXPECT_EQ(comparison.settings[0].steps, 20);
  EXPECT_EQ(comparison.settings[0].seconds, 60);
  const auto text = table_text(comparison);
  const auto at = [&](const std::string& part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(at("run")) << text;
  EXPECT_TRUE(at("*12.50 %")) << text;
  EXPECT_TRUE(at(" 25.00 %")) << text;
  EXPECT_TRUE(at("*0.875")) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 4);
}

TEST_F(CompareRuns, SeedsOfOneSettingBecomeMeanAndSpread) {
  run("a", "seed = 1\n[train]\nlr = 0.1\n", 0.1);
  run("b", "seed = 1\n[train]\nlr = 0.2\n", 0.3);
  run("c", "seed = 2\n[train]\nlr = 0.1\n", 0.2);
  run("d", "seed = 3\n[train]\nlr = 0.1\n", 0.3);
  const auto comparison = compare(runs, is_setting);
  ASSERT_EQ(comparison.settings.size(), 2U);
  EXPECT_EQ(comparison.settings[0].runs, (std::vector<fs::path>{runs[0], runs[2], runs[3]}));
  EXPECT_NEAR(comparison.settings[0].measures.at("error").mean, 0.2, 1e-12);
  EXPECT_NEAR(comparison.settings[0].measures.at("error").spread, 0.1, 1e-12);
  EXPECT_EQ(comparison.settings[1].measures.at("error").spread, 0);
  EXPECT_NE(table_text(comparison).find("*20.00 % +- 10.00 %"), std::string::npos);
  EXPECT_NE(table_text(comparison).find("a and 2 more"), std::string::npos);
  const auto json = nlohmann::json::parse(comparison_json(comparison));
  EXPECT_EQ(json["rows"][0]["runs"].size(), 3U);
  EXPECT_NEAR(json["rows"][0]["measures"]["error"]["spread"].get<double>(), 0.1, 1e-12);
  EXPECT_EQ(json["differing"], nlohmann::json::array({"train.lr"}));
  EXPECT_FALSE(json["rows"][0]["measures"].contains("rank"));
}

TEST_F(CompareRuns, WhatCannotBeCompared) {
  const auto one = run("a", "seed = 1\n", 0.1);
  expect_error<UsageError>([&] { (void)compare(runs, is_setting); },
                           "at least two runs are compared, got 1");
  const auto other = run("b", "seed = 1\n", 0.1, "locate");
  expect_error<UsageError>([&] { (void)compare(runs, is_setting); },
                           concat("only runs of one system can be compared, got warp in ",
                                  one.string(), " and locate in ", other.string()));
  runs[1] = folder / "nowhere";
  expect_error([&] { (void)compare(runs, is_setting); },
               concat(runs[1].string(), " is not a run folder: it has no config.toml"));
  run("c", "seed = 1\n", 0.1);
  write_file_atomic(runs[2] / "eval.json", std::string_view("{\"measures\": [{\"name\": 7}]}"));
  runs[1] = runs[2];
  const auto error = error_of([&] { (void)compare(runs, is_setting); });
  EXPECT_TRUE(error.starts_with(concat((runs[2] / "eval.json").string(), ": "))) << error;
}

}  // namespace compare_test
}  // namespace clew::report
