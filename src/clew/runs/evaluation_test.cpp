// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/evaluation.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "tests/support/expect_error.h"

namespace clew::runs {
namespace evaluation_test {

namespace fs = std::filesystem;

struct EvaluationFile : testing::Test {
  void SetUp() override { fs::create_directories(run_); }
  void TearDown() override { fs::remove_all(run_); }
  /// The error about the file `text`, from behind its name on.
  [[nodiscard]] std::string error(const std::string& text) const {
    write_file_atomic(run_ / "eval.json", text);
    const auto error = error_of([&] { (void)read_evaluation(run_); });
    const auto head = (run_ / "eval.json").string() + ": ";
    return error.starts_with(head) ? error.substr(head.size()) : error;
  }
  fs::path run_ = fs::temp_directory_path() / concat("clew_evaluation_test_", ::getpid());
};

TEST_F(EvaluationFile, ReadsWhatItWrote) {
  EXPECT_FALSE(read_evaluation(run_).has_value());
  write_evaluation(
      run_, {.system = "toy",
             .summary = "Good \"enough\".",
             .step = 7,
             .measures = {{.name = "error", .value = 0.25, .unit = "share"},
                          {.name = "score", .value = std::nan(""), .larger_is_better = true}},
             .tables = {{.title = "Confusion",
                         .caption = "c",
                         .row_title = "class",
                         .columns = {{"a"}, {"b", "share"}},
                         .rows = {{.name = "a", .values = {1, 2}, .errors = {0.5, std::nan("")}},
                                  {.name = "b", .values = {std::nan(""), 4}}},
                         .style = TableStyle::kConfusion}},
             .curves = {{.title = "PR",
                         .caption = "",
                         .x_name = "recall",
                         .y_name = "precision",
                         .lines = {{.name = "all", .x = {0, 1}, .y = {1, std::nan("")}}},
                         .is_share = true}},
             .pictures = {{.title = "p", .caption = "", .files = {"a.png"}, .labels = {"one"}}},
             .references = {{.metric = "score", .name = "random", .value = 7.5}},
             .details = R"({"extra": [1, 2]})"});
  const auto read = read_evaluation(run_);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->system, "toy");
  EXPECT_EQ(read->summary, "Good \"enough\".");
  EXPECT_EQ(read->step, 7);
  EXPECT_EQ(read->run_step, std::nullopt);
  ASSERT_EQ(read->measures.size(), 2U);
  EXPECT_EQ(find_measure(read->measures, "error")->value, 0.25);
  EXPECT_EQ(find_measure(read->measures, "error")->unit, "share");
  EXPECT_TRUE(std::isnan(find_measure(read->measures, "score")->value));
  EXPECT_TRUE(find_measure(read->measures, "score")->larger_is_better);
  EXPECT_EQ(find_measure(read->measures, "none"), nullptr);
  ASSERT_EQ(read->tables.size(), 1U);
  const auto& table = read->tables[0];
  EXPECT_EQ(table.title, "Confusion");
  EXPECT_EQ(table.row_title, "class");
  EXPECT_EQ(table.style, TableStyle::kConfusion);
  EXPECT_EQ(table.columns[1].unit, "share");
  EXPECT_EQ(table.rows[0].values, (std::vector<double>{1, 2}));
  EXPECT_EQ(table.rows[0].errors[0], 0.5);
  EXPECT_TRUE(std::isnan(table.rows[0].errors[1]));
  EXPECT_TRUE(std::isnan(table.rows[1].values[0]));
  EXPECT_TRUE(table.rows[1].errors.empty());
  ASSERT_EQ(read->curves.size(), 1U);
  EXPECT_EQ(read->curves[0].x_name, "recall");
  EXPECT_EQ(read->curves[0].lines[0].x, (std::vector<double>{0, 1}));
  EXPECT_TRUE(std::isnan(read->curves[0].lines[0].y[1]));
  EXPECT_TRUE(read->curves[0].is_share);
  ASSERT_EQ(read->pictures.size(), 1U);
  EXPECT_EQ(read->pictures[0].labels, std::vector<std::string>{"one"});
  ASSERT_EQ(read->references.size(), 1U);
  EXPECT_EQ(read->references[0].value, 7.5);
  EXPECT_EQ(nlohmann::json::parse(read->details)["extra"][1], 2);
}

TEST_F(EvaluationFile, EveryFaultIsNamed) {
  EXPECT_EQ(error("{}"),
            "is of an older version; `clew eval " + run_.string() + "` writes it anew");
  EXPECT_EQ(error(R"({"measures": [{"name": 7}]})"), "measures[0].name must be a string, got 7");
  EXPECT_EQ(error(R"({"measures": [{"name": "a", "better": "both"}]})"),
            "measures[0].better must be larger or smaller, got \"both\"");
  const auto table = [&](const std::string& rest) {
    return error(concat(R"({"measures": [], "tables": [{"title": "t", )", rest, "}]}"));
  };
  EXPECT_EQ(table(R"("style": "loud", "columns": [], "rows": [])"),
            "tables[0].style must be plain, bars or confusion, got \"loud\"");
  EXPECT_EQ(
      table(
          R"("style": "plain", "columns": [{"name": "a"}], "rows": [{"name": "r", "values": [1, 2]}])"),
      "tables[0].rows[0].values must be a list of 1 numbers, got a list of 2");
  EXPECT_EQ(table(R"("style": "confusion", "columns": [{"name": "a"}], "rows": [])"),
            "tables[0].rows must be a list of 1, one a column, got a list of 0");
  EXPECT_EQ(
      error(
          R"({"measures": [], "curves": [{"title": "c", "lines": [{"name": "l", "x": [1], "y": []}]}]})"),
      "curves[0].lines[0].y must be a list of 1 numbers, got a list of 0");
  EXPECT_EQ(
      error(
          R"({"measures": [], "pictures": [{"title": "p", "files": ["/etc/passwd"], "labels": ["a"]}]})"),
      "pictures[0].files[0] must be a path inside the run folder, got \"/etc/passwd\"");
}

}  // namespace evaluation_test
}  // namespace clew::runs
