// SPDX-License-Identifier: Apache-2.0
// Tables and pictures of a supervised run.
#include "clew/report/evaluation_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/report/report.h"
#include "clew/runs/about.h"
#include "clew/runs/evaluation.h"

namespace clew::report {
namespace evaluation_text_test {

namespace fs = std::filesystem;

class ExamplesPage : public testing::Test {
 protected:
  ExamplesPage() {
    fs::remove_all(folder_);
    fs::create_directories(run_ / "pictures");
    write_file_atomic(run_ / "config.toml", "system = \"warp\"\nseed = 1\n");
    write_file_atomic(run_ / "metrics.jsonl",
                      "{\"step\":100,\"seconds\":30,\"steps_per_second\":3.5,\"epoch\":2,\"loss\":"
                      "1,\"error\":0.4,\"val_loss\":0.9,\"val_error\":0.3}\n");
    for (int i = 0; i < 3; ++i)
      image::write(run_ / "pictures" / concat("warps_", i, ".png"),
                   image::blank(4, 4, 3, {static_cast<std::uint8_t>(i), 0, 0}));
  }
  ~ExamplesPage() override { fs::remove_all(folder_); }

  void write(const char* file, const nlohmann::json& json) const {
    write_file_atomic(run_ / file, json.dump());
  }
  static nlohmann::json evaluation() {
    return nlohmann::json::parse(runs::evaluation_json(
        {.system = "warp",
         .summary = "58 % of <b>them</b> found.",
         .measures = {{.name = "error", .value = 0.3, .unit = "share"},
                      {.name = "parameters", .value = 201234}},
         .tables = {
             {.title = "Confusion matrix",
              .caption = "Rows are the true classes.",
              .row_title = "class",
              .columns = {{"cat"}, {"<dog>"}},
              .rows = {{.name = "cat", .values = {5, 1}}, {.name = "<dog>", .values = {2, 2}}},
              .style = runs::TableStyle::kConfusion}}}));
  }
  static nlohmann::json gallery() {
    return {{"items",
             {{{"title", "Warps & more"},
               {"caption", "over time"},
               {"files", {"pictures/warps_0.png", "pictures/warps_1.png", "pictures/warps_2.png"}},
               {"labels", {"step 0", "step 50", "step <100>"}}}}}};
  }
  std::string page() const {
    write_html(run_, folder_ / "page.html");
    return read_file(folder_ / "page.html", 1 << 24);
  }
  std::string error() const {
    try {
      write_html(run_, folder_ / "page.html");
    } catch (const Error& fault) {
      return fault.what();
    }
    return "no error";
  }

  fs::path folder_ =
      fs::temp_directory_path() /
      ("clew_class_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  fs::path run_ = folder_ / "rts" / "one";
};

TEST_F(ExamplesPage, SaysHowWellItDoes) {
  write("eval.json", evaluation());
  const auto text = page();
  EXPECT_NE(text.find("<title>rts/one · Clew report</title>"), std::string::npos);
  EXPECT_NE(text.find("Trained for <b>100</b> steps (2.00 times through the examples) in <b>30 "
                      "seconds</b>. 58 % of &lt;b&gt;them&lt;/b&gt; found.</p>"),
            std::string::npos);
  EXPECT_NE(text.find("<th scope=\"row\">rts/one</th><td>30.0 %</td>"), std::string::npos);
  EXPECT_EQ(text.find("Not evaluated"), std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">30.0 %</div>"), std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">201k</div>"), std::string::npos);
  EXPECT_NE(text.find("<th scope=\"row\">cat</th><td class=\"right\">5</td><td class=\"wrong\" "
                      "style=\"--share:0.500\">1</td><td>16.67 %</td>"),
            std::string::npos);
  EXPECT_NE(text.find("<th scope=\"row\">&lt;dog&gt;</th>"), std::string::npos);
  EXPECT_NE(text.find("<section id=\"paths\" hidden>"), std::string::npos);
  EXPECT_EQ(text.find("id=\"pictures\""), std::string::npos);
}

TEST_F(ExamplesPage, BeforeTheEvaluation) {
  runs::write_about(run_,
                    {.plots = runs::learning_plots({{.name = "error", .unit = "share"}}, "error")});
  const auto text = page();
  EXPECT_NE(text.find("Not evaluated yet: <code>clew eval " + run_.string()), std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">30.0 %</div><div class=\"tile-label\">Error, "
                      "validation set, last measured</div>"),
            std::string::npos);
}

TEST_F(ExamplesPage, CarriesItsPictures) {
  write("eval.json", evaluation());
  write("gallery.json", gallery());
  const auto text = page();
  EXPECT_NE(text.find("<b>Warps &amp; more</b>"), std::string::npos);
  EXPECT_NE(text.find("data-label=\"step &lt;100&gt;\""), std::string::npos);
  std::size_t images = 0, hidden = 0;
  for (std::size_t at = text.find("<img "); at != std::string::npos;
       at = text.find("<img ", at + 1)) {
    ++images;
    hidden += text.substr(at, text.find('>', at) - at).find(" hidden") != std::string::npos;
  }
  EXPECT_EQ(images, 3U);
  EXPECT_EQ(hidden, 2U);
  EXPECT_NE(text.find("max=\"2\" value=\"2\""), std::string::npos);
}

TEST_F(ExamplesPage, PicturesOfTheEvaluationFollowThoseOfTheTraining) {
  auto told = evaluation();
  told["pictures"] = gallery()["items"];
  told["pictures"][0]["title"] = "Mistakes";
  write("eval.json", told);
  write("gallery.json", gallery());
  const auto text = page();
  EXPECT_LT(text.find("<b>Warps &amp; more</b>"), text.find("<b>Mistakes</b>"));
}

TEST_F(ExamplesPage, TheSamePicturesOfRunsStandBesideEachOther) {
  auto told = evaluation();
  told["pictures"] = gallery()["items"];
  told["pictures"][0]["title"] = "Mistakes";
  write("eval.json", told);
  write("gallery.json", gallery());
  const std::array both = {run_, run_};
  write_html(both, folder_ / "both.html");
  const auto text = read_file(folder_ / "both.html", 1 << 24);
  std::vector<std::size_t> places;
  for (const char* title : {"<b>Warps &amp; more</b>", "<b>Mistakes</b>"}) {
    places.push_back(text.find(title));
    places.push_back(text.find(title, places.back() + 1));
  }
  EXPECT_TRUE(std::ranges::is_sorted(places));
  EXPECT_NE(places.back(), std::string::npos);
}

TEST_F(ExamplesPage, APictureThatCannotBeReadIsANote) {
  write("eval.json", evaluation());
  auto missing = gallery();
  missing["items"][0]["files"][1] = "pictures/none.png";
  missing["items"][0]["files"][2] = "pictures/damaged.png";
  write_file_atomic(run_ / "pictures" / "damaged.png", "\x89PNG");
  write("gallery.json", missing);
  const auto text = page();
  EXPECT_NE(text.find("data-label=\"step 0\""), std::string::npos);
  EXPECT_NE(
      text.find("<p class=\"missing\">A picture is left out: cannot read &#39;" +
                (run_ / "pictures/none.png").string() + "&#39;: No such file or directory.</p>"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("<p class=\"missing\">A picture is left out: " +
                      (run_ / "pictures/damaged.png").string()),
            std::string::npos);
  for (auto& file : missing["items"][0]["files"]) file = "pictures/none.png";
  write("gallery.json", missing);
  EXPECT_NE(page().find("A picture is left out"), std::string::npos);  // also where none is left
}

TEST_F(ExamplesPage, SaysOfWhichStepTheEvaluationIs) {
  EXPECT_EQ(page().find("valuated at step"), std::string::npos);
  auto told = evaluation();
  told["step"] = 50;  // the best weights of a run
  told["run_step"] = 100;
  write("eval.json", told);
  EXPECT_NE(page().find("<p class=\"note\">Evaluated at step 50.</p>"), std::string::npos);
  told["run_step"] = 60;
  write("eval.json", told);
  EXPECT_NE(page().find("Evaluated at step 50. The run has gone on since, to step 100: <code>clew "
                        "eval " +
                        run_.string() + "</code>"),
            std::string::npos);
}

}  // namespace evaluation_text_test
}  // namespace clew::report
