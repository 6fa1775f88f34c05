// SPDX-License-Identifier: Apache-2.0
// The page of a run that sorts examples into classes: its words, its matrix, its pictures, its errors.
#include "clew/report/class_text.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/image/draw.h"
#include "clew/image/files.h"
#include "clew/report/report.h"

namespace clew::report {
namespace class_text_test {

namespace fs = std::filesystem;

class ClassPage : public testing::Test {
 protected:
  ClassPage() {
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
  ~ClassPage() override { fs::remove_all(folder_); }

  void write(const char* file, const nlohmann::json& json) const {
    write_file_atomic(run_ / file, json.dump());
  }
  static nlohmann::json evaluation() {
    return {{"classes", {"cat", "<dog>"}}, {"examples", 10}, {"error", 0.3},
            {"confusion", {5, 1, 2, 2}},   {"loss", 0.5},    {"parameters", 201234}};
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

TEST_F(ClassPage, SaysHowWellItDoes) {
  write("eval.json", evaluation());
  const auto text = page();
  EXPECT_NE(text.find("<title>rts/one · Clew report</title>"), std::string::npos);
  EXPECT_NE(text.find("The network learned from examples for <b>100</b> steps (2.00 times through "
                      "them) in <b>30 seconds</b>. It gets <b>30.00 %</b> of the test set wrong: 3 "
                      "of 10 examples."),
            std::string::npos);
  EXPECT_EQ(text.find("drawn from strokes"), std::string::npos);
  EXPECT_NE(text.find("201k"), std::string::npos);
  EXPECT_NE(text.find("<th scope=\"row\">cat</th><td class=\"right\">5</td><td class=\"wrong\" "
                      "style=\"--share:0.500\">1</td><td>16.67 %</td>"),
            std::string::npos);
  EXPECT_NE(text.find("<th scope=\"row\">&lt;dog&gt;</th>"), std::string::npos);
  EXPECT_NE(text.find("<section id=\"paths\" hidden>"), std::string::npos);
  EXPECT_EQ(text.find("No episode recorded"), std::string::npos);
  EXPECT_EQ(text.find("id=\"pictures\""), std::string::npos);
}

TEST_F(ClassPage, SaysWhenDigitsAreDrawn) {
  write_file_atomic(run_ / "config.toml",
                    "system = \"warp\"\nseed = 1\n[data]\nsource = \"procedural\"\n");
  write("eval.json", evaluation());
  EXPECT_NE(
      page().find("of 10 examples. The digits are drawn from strokes; they are not MNIST's.</p>"),
      std::string::npos);
}

TEST_F(ClassPage, BeforeTheEvaluation) {
  const auto text = page();
  EXPECT_NE(text.find("tries it on the test set"), std::string::npos);
  EXPECT_NE(text.find("30.00 %"), std::string::npos);  // the last measured while it trained
}

TEST_F(ClassPage, SaysWhatARoomSaysOfItself) {
  write("eval.json", {{"summary", "58 % of <b>them</b> found."}});
  const auto text = page();
  EXPECT_NE(text.find("30 seconds</b>. 58 % of &lt;b&gt;them&lt;/b&gt; found.</p>"),
            std::string::npos);
  EXPECT_NE(text.find("<p>58 % of &lt;b&gt;them&lt;/b&gt; found.</p>"), std::string::npos);
  EXPECT_EQ(text.find("Not evaluated"), std::string::npos);
}

TEST_F(ClassPage, CarriesItsPictures) {
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

TEST_F(ClassPage, RefusesWhatDoesNotFit) {
  auto wrong = evaluation();
  wrong["confusion"] = {5, 1, 2};
  write("eval.json", wrong);
  EXPECT_NE(error().find("confusion must be a list of 4"), std::string::npos) << error();
  wrong = evaluation();
  wrong["classes"] = nlohmann::json::array();
  write("eval.json", wrong);
  EXPECT_NE(error().find("classes must be a list of 1..1000 names"), std::string::npos) << error();
  write("eval.json", evaluation());
  for (const char* path : {"../one/pictures/warps_0.png", "/etc/hostname", ""}) {
    auto outside = gallery();
    outside["items"][0]["files"][1] = path;
    write("gallery.json", outside);
    EXPECT_NE(error().find("files[1] must be a path inside the run folder"), std::string::npos)
        << error();
  }
  auto fewer = gallery();
  fewer["items"][0]["labels"] = {"one"};
  write("gallery.json", fewer);
  EXPECT_NE(error().find("labels must be a list of 3"), std::string::npos) << error();
}

TEST_F(ClassPage, APictureThatCannotBeReadIsANote) {
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

TEST_F(ClassPage, SaysOfWhichStepTheEvaluationIs) {
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

}  // namespace class_text_test
}  // namespace clew::report
