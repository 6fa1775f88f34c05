// SPDX-License-Identifier: Apache-2.0
// The page of synthetic runs: its parts, escapes and errors, not its appearance.
#include "clew/report/report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>

#include "clew/core/error.h"
#include "clew/image/files.h"
#include "clew/report/page_text.h"
#include "clew/report/run_data.h"
#include "clew/report/synthetic_run.h"

namespace clew::report {
namespace report_test {

namespace fs = std::filesystem;

struct Report : testing::Test {
  fs::path folder =
      fs::temp_directory_path() /
      ("clew_report_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  fs::path run = folder / "static_small" / "one";
  fs::path page = folder / "page.html";

  Report() { fs::remove_all(folder); }
  ~Report() override { fs::remove_all(folder); }

  static SyntheticOptions small() { return {.lines = 20, .episodes = 2, .steps = 40}; }

  std::string html() const {
    std::ifstream in(page, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string written() const {
    write_html(run, page);
    return html();
  }
  std::string error() const {
    try {
      write_html(run, page);
    } catch (const Error& fault) {
      return fault.what();
    }
    return "no error";
  }
  // The JSON that the scripts of the page read.
  static nlohmann::json data_of(const std::string& text) {
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const std::size_t begin = text.find(open) + open.size();
    return nlohmann::json::parse(text.substr(begin, text.find("</script>", begin) - begin));
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos;
         at = text.find(part, at + part.size()))
      ++n;
    return n;
  }
};

TEST_F(Report, SaysInWordsWhatWasTrainedAndHowWell) {
  const SyntheticRun made(run, small());
  const std::string text = written();
  EXPECT_NE(text.find("<title>nav+d1+d2+l on static_small · Clew report</title>"),
            std::string::npos);
  EXPECT_NE(text.find("Trained for <b>2.0 million</b> agent steps (8.2 million frames) in <b>3 "
                      "minutes</b>. Over 100 test episodes of static_small it scores 84.3. It is "
                      "made up.</p>"),
            std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">84.3</div><div class=\"tile-label\">score, "
                      "reward</div>"),
            std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">100.0 %</div><div class=\"tile-label\">goal "
                      "share</div>"),
            std::string::npos);
  EXPECT_NE(text.find("<div class=\"tile-value\">8.13 s</div>"), std::string::npos);
  EXPECT_NE(text.find("lr = 5e-4       # learning rate"), std::string::npos);
  EXPECT_EQ(text.find("class=\"missing\">No"), std::string::npos);
}

TEST_F(Report, TablesHaveBarsErrorsAndNoEmptyColumns) {
  const SyntheticRun made(run, small());
  const std::string text = written();
  EXPECT_NE(text.find("<caption><b>Players</b>. 100 episodes, seed 7.</caption>"),
            std::string::npos);
  EXPECT_NE(text.find("<span>84.3 <small>± 1.69</small></span></td><td>100.0 %</td>"),
            std::string::npos);
  EXPECT_NE(text.find("style=\"width:77.3%\""), std::string::npos);  // of the longest, 109
  EXPECT_NE(text.find("<td>33.0 %</td><td>–</td></tr>"), std::string::npos);
  EXPECT_EQ(text.find("never"), std::string::npos);
}

TEST_F(Report, OpensOffline) {
  const SyntheticRun made(run, small());
  const std::string text = written();
  EXPECT_EQ(text.find("http:"), std::string::npos);
  EXPECT_EQ(text.find("https:"), std::string::npos);
  EXPECT_EQ(count(text, "<script"), 2U);  // the data and the code
  EXPECT_EQ(text.find("<link"), std::string::npos);
  EXPECT_EQ(text.find("@import"), std::string::npos);
  EXPECT_FALSE(
      std::regex_search(text.substr(0, text.find("id=\"data\"")), std::regex("(src|href)=")));
  EXPECT_NE(text.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(text.find("{{"), std::string::npos);  // every place of the template is filled
}

TEST_F(Report, CarriesTheNumbersOfTheRun) {
  const SyntheticRun made(run, small());
  const auto data = data_of(written())["runs"][0];
  EXPECT_EQ(data["name"], "static_small/one");
  EXPECT_EQ(data["metrics"]["step"].size(), 20U);
  EXPECT_EQ(data["metrics"]["step"][19], 20 * 102400);
  EXPECT_TRUE(data["metrics"]["score"][0].is_null());
  EXPECT_EQ(data["references"][1]["name"], "shortest path");
  EXPECT_EQ(data["references"][1]["y"], 109);
  EXPECT_EQ(data["plots"][0]["columns"][0]["weight"], "episodes");
  EXPECT_TRUE(data["curves"][0]["lines"][0]["y"][1].is_null());
  const auto& episode = data["trace"]["episodes"][1];
  EXPECT_EQ(episode["x"].size(), 40U);
  EXPECT_EQ(episode["frames"], 40);
  EXPECT_EQ(episode["tile"], 84);
  EXPECT_EQ(episode["depth_true"].size(), 40U);
  EXPECT_EQ(episode["depth_true"][0].get<std::string>().size(), 64U);
  EXPECT_EQ(episode["sheet"].get<std::string>().substr(0, 22), "data:image/png;base64,");
  EXPECT_EQ(data["trace"]["grid"]["walls"].size(), 50U);
}

TEST_F(Report, ThePictureIsTheFileItself) {
  const SyntheticRun made(run, small());
  // base64 of the first nine bytes that every PNG starts with, and of the last three, "B`\x82".
  const std::string sheet = data_of(written())["runs"][0]["trace"]["episodes"][0]["sheet"];
  const auto size = fs::file_size(run / "frames_0.png");
  EXPECT_EQ(sheet.substr(22, 12), "iVBORw0KGgoA");
  EXPECT_EQ(sheet.size() - 22, (size + 2) / 3 * 4);
}

TEST_F(Report, WhatIsMissingIsLeftOutWithTheCommandThatMakesIt) {
  const SyntheticRun made(run, {.lines = 20, .has_eval = false, .has_trace = false});
  const std::string text = written();
  EXPECT_EQ(count(text, "<code>clew eval " + run.string() + "</code>"), 1U);
  EXPECT_NE(text.find("Score, agent, last measured"), std::string::npos);
  EXPECT_NE(text.find("<section id=\"paths\" hidden>"), std::string::npos);
  EXPECT_TRUE(data_of(text)["runs"][0]["trace"].is_null());
  fs::remove(run / "metrics.jsonl");
  const std::string bare = written();
  EXPECT_NE(bare.find("Training has not written a line yet."), std::string::npos);
  EXPECT_NE(bare.find("<code>clew train " + run.string() + " --resume</code>"), std::string::npos);
  EXPECT_TRUE(data_of(bare)["runs"][0]["metrics"].empty());
}

TEST_F(Report, NothingFromAFileRunsAsCode) {
  auto options = small();
  options.level = "<script>alert(1)</script>&\"'";
  const SyntheticRun made(run, options);
  made.put("config.toml", "level = 'x'\nnote = \"</pre><img src=x onerror=alert(2)> {{data}}\"\n");
  const std::string text = written();
  EXPECT_EQ(count(text, "<script"), 2U);
  EXPECT_EQ(count(text, "</script>"), 2U);
  EXPECT_EQ(text.find("<img"), std::string::npos);
  EXPECT_NE(text.find("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"), std::string::npos);
  EXPECT_NE(text.find("alert(2)&gt; {{data}}&quot;"),
            std::string::npos);  // and it is not taken for a place to fill
  EXPECT_EQ(data_of(text)["runs"][0]["trace"]["episodes"].size(), 2U);
}

TEST_F(Report, BytesThatAreNoTextDoNotStopThePage) {
  const SyntheticRun made(run, small());
  const std::string good = made.evaluation();
  std::string text = good;
  text.replace(text.find("Over 100"), 5, "\xff\xfe");
  made.put("eval.json", text);
  // Not UTF-8, so not JSON: one sentence instead of a page.
  EXPECT_TRUE(error().starts_with((run / "eval.json").string() + ": malformed JSON: line "))
      << error();
  made.put("eval.json", good);
  made.put("config.toml", "# \xff\xfe\n");
  EXPECT_NE(written().find("<pre># \xff\xfe\n</pre>"), std::string::npos);
}

TEST_F(Report, ComparesRuns) {
  const SyntheticRun first(run, small());
  auto options = small();
  options.seed = 2;
  options.has_trace = false;
  const fs::path other = folder / "static_small" / "two";
  const SyntheticRun second(other, options);
  const std::vector<fs::path> both = {run, other};
  write_html(both, page);
  const std::string text = html();
  EXPECT_NE(text.find("<h1>2 runs compared</h1>"), std::string::npos);
  EXPECT_NE(text.find("swatch run-2"), std::string::npos);
  EXPECT_EQ(data_of(text)["runs"].size(), 2U);
  EXPECT_NE(text.find("<th scope=\"row\">static_small/two</th><td><b>84.3</b></td>"),
            std::string::npos);
  EXPECT_NE(text.find("<b>Players</b> of static_small/two. "), std::string::npos);
  EXPECT_EQ(count(text, "<details><summary>"), 2U);  // a closed config each

  const std::vector<fs::path> none, many(9, run);
  EXPECT_THROW(write_html(none, page), Error);
  EXPECT_THROW(write_html(many, page), Error);
}

TEST_F(Report, LongRunsAreThinnedByMeansOverEpisodes) {
  const SyntheticRun made(run, {.lines = 1, .has_eval = false, .has_trace = false});
  {
    std::ofstream out(run / "metrics.jsonl");
    for (int i = 1; i <= 6000; ++i)
      out << R"({"step": )" << i << R"(, "score": )" << (i % 2 == 0 ? 10 : 0) << R"(, "episodes": )"
          << (i % 2 == 0 ? 3 : 1) << R"(, "entropy": )" << i % 2 << R"(, "lr": null})"
          << "\n";
  }
  const auto metrics = data_of(written())["runs"][0]["metrics"];
  EXPECT_EQ(metrics["step"].size(), 3000U);
  EXPECT_EQ(metrics["step"][0], 2);
  EXPECT_EQ(metrics["score"][7], 7.5);  // (0 * 1 + 10 * 3) / 4
  EXPECT_EQ(metrics["entropy"][7], 0.5);
  EXPECT_EQ(metrics["episodes"][7], 4);
  EXPECT_TRUE(metrics["lr"][0].is_null());
}

TEST_F(Report, ATornLastLineIsLeftOut) {
  const SyntheticRun made(run, small());
  std::ofstream(run / "metrics.jsonl", std::ios::app) << "{\"step\": 99999999, \"sco";
  EXPECT_EQ(data_of(written())["runs"][0]["metrics"]["step"].size(), 20U);
}

TEST_F(Report, MalformedFilesAreOneSentenceWithFileAndPlace) {
  const SyntheticRun made(run, small());
  made.put("metrics.jsonl", "{\"step\": 1}\n{\"step\": 2, \"score\": }\n{\"step\": 3}\n");
  EXPECT_TRUE(error().starts_with((run / "metrics.jsonl").string() + ":2: malformed JSON: column "))
      << error();
  made.put("metrics.jsonl", "{\"step\": 1}\n{\"step\": 2, \"score\": \"high\"}\n");
  EXPECT_EQ(error(), (run / "metrics.jsonl").string() + ":2: score must be a number, got \"high\"");
  made.put("metrics.jsonl", "{\"score\": 1}\n");
  EXPECT_EQ(error(), (run / "metrics.jsonl").string() +
                         ":1: the file must be an object with \"step\", got an object");
  made.put("metrics.jsonl", "");
  made.put("eval.json", "{\"measures\": [{\"name\": 1}]}");
  EXPECT_EQ(error(), (run / "eval.json").string() + ": measures[0].name must be a string, got 1");
  EXPECT_FALSE(fs::exists(page));  // a fault leaves no half page
}

struct TraceFault {
  const char* what;
  void (*spoil)(nlohmann::json& trace);
  const char* error;
};

TEST_F(Report, EveryFaultOfATraceIsNamed) {
  const SyntheticRun made(run, small());
  std::ifstream in(run / "trace.json");
  const nlohmann::json good = nlohmann::json::parse(in);
  using J = nlohmann::json;
  const std::vector<TraceFault> faults = {
      {"no time step", [](J& t) { t["seconds_per_step"] = 0; },
       "seconds_per_step must be a number in 0.0001..10, got 0"},
      {"walls of another size", [](J& t) { t["grid"]["walls"].push_back(0); },
       "grid.walls must be a list of 50 numbers, got a list of 51"},
      {"a wall of five sides", [](J& t) { t["grid"]["walls"][3] = 16; },
       "grid.walls[3] must be a number in 0..15, got 16"},
      {"a huge grid", [](J& t) { t["grid"]["width"] = 1000000; },
       "grid.width must be a whole number in 1..255, got 1000000"},
      {"a colour that is code", [](J& t) { t["grid"]["wall_colors"][1] = "red;}"; },
       "grid.wall_colors[1] must be a colour such as \"#a0b1c2\", got \"red;}\""},
      {"no grid at all", [](J& t) { t.erase("grid"); },
       "episodes[0] must be an object with \"grid\", or the file must have one, got an object"},
      {"no steps", [](J& t) { t["episodes"][1]["x"] = J::array(); },
       "episodes[1].x must be a list of at least 1, got a list of 0"},
      {"lists of two lengths", [](J& t) { t["episodes"][1]["value"].erase(0); },
       "episodes[1].value must be a list of 40 numbers, got a list of 39"},
      {"an unknown thing", [](J& t) { t["episodes"][0]["things"][0]["kind"] = "dragon"; },
       "episodes[0].things[0].kind must be goal, apple, strawberry, lemon, fungi or solid, got "
       "\"dragon\""},
      {"a depth class of nine", [](J& t) { t["episodes"][0]["depth_true"][2][5] = 9; },
       "episodes[0].depth_true[2][5] must be a number in 0..7, got 9"},
      {"frames of another folder",
       [](J& t) { t["episodes"][0]["frame_sheet"] = "../../secret.png"; },
       "episodes[0].frame_sheet must be the name of a file in the run folder, got "
       "\"../../secret.png\""},
      {"more frames than steps", [](J& t) { t["episodes"][0]["frames"] = 41; },
       "episodes[0].frames must be a whole number in 1..40, got 41"},
  };
  for (const TraceFault& fault : faults) {
    J trace = good;
    fault.spoil(trace);
    made.put("trace.json", trace.dump());
    EXPECT_EQ(error(), (run / "trace.json").string() + ": " + fault.error) << fault.what;
  }
  made.put("trace.json", good.dump());
  image::write(
      run / "frames_0.png",
      image::Image{
          .width = 84, .height = 84, .channels = 1, .pixels = std::vector<std::uint8_t>(84 * 84)});
  EXPECT_EQ(error(),
            (run / "frames_0.png").string() +
                ": a sheet of 40 frames must be 20 square tiles wide and 2 high, got 84x84 pixels");
  fs::remove(run / "frames_0.png");
  EXPECT_NE(written().find("The frames of one episode are left out: frames_0.png is missing."),
            std::string::npos);
}

TEST_F(Report, NullsOfATraceAreGaps) {
  const SyntheticRun made(run, small());
  std::ifstream in(run / "trace.json");
  auto trace = nlohmann::json::parse(in);
  trace["episodes"][0]["value"][4] = nullptr;
  trace["episodes"][0]["x"][4] = nullptr;
  trace["episodes"][0]["event"][4] = nullptr;
  made.put("trace.json", trace.dump());
  const auto episode = data_of(written())["runs"][0]["trace"]["episodes"][0];
  EXPECT_TRUE(episode["value"][4].is_null());
  EXPECT_TRUE(episode["x"][4].is_null());
  EXPECT_EQ(episode["event"][4], 0);
}

TEST_F(Report, APageHasABudget) {
  const SyntheticRun made(run, small());
  Budget budget{
      .picture_bytes = static_cast<std::int64_t>(fs::file_size(run / "frames_0.png") * 3 / 2),
      .episodes = 24};
  const RunData data = read_run(run, budget);
  const auto trace = nlohmann::json::parse(data.trace);
  EXPECT_FALSE(trace["episodes"][0]["sheet"].is_null());
  EXPECT_TRUE(trace["episodes"][1]["sheet"].is_null());
  ASSERT_EQ(data.notes.size(), 1U);
  EXPECT_EQ(data.notes[0],
            "The frames in frames_1.png are left out: with them the page would be too large.");
  Budget one{.episodes = 1};
  EXPECT_EQ(nlohmann::json::parse(read_run(run, one).trace)["episodes"].size(), 1U);
}

TEST_F(Report, AFolderThatIsNoRunIsOneSentence) {
  EXPECT_EQ(error(), run.string() + " must be a run folder, got nothing: it does not exist");
  fs::create_directories(run);
  EXPECT_EQ(error(),
            run.string() +
                " must be a run folder, but it has no config.toml; `clew train` makes run folders");
  const SyntheticRun made(run, small());
  page = folder / "none" / "page.html";
  EXPECT_EQ(error(), "cannot write '" + page.string() + "': No such file or directory");
}

TEST_F(Report, SaysOfWhichStepTheEvaluationIs) {
  const SyntheticRun made(run, small());
  EXPECT_EQ(written().find("valuated at step"), std::string::npos);
  auto evaluation = nlohmann::json::parse(made.evaluation());
  evaluation["step"] = evaluation["run_step"] = 2000000;  // of 20 * 102400
  made.put("eval.json", evaluation.dump());
  EXPECT_NE(written().find("Evaluated at step 2000000. The run has gone on since, to step 2048000: "
                           "<code>clew eval "),
            std::string::npos);
}

TEST_F(Report, AFolderThatCannotBeReadIsOneSentence) {
  fs::create_directories(folder);
  fs::create_symlink("circle", folder / "circle");
  run = folder / "circle";
  EXPECT_EQ(error(), "cannot read '" + run.string() + "': Too many levels of symbolic links");
  run = folder / "one";
  const SyntheticRun made(run, small());
  for (const char* name :
       {"config.toml", "run.json", "metrics.jsonl", "eval.json", "trace.json", "gallery.json"}) {
    const fs::path file = run / name, kept = run / "kept";
    const bool was_there = fs::exists(file);
    if (was_there) fs::rename(file, kept);
    fs::create_symlink(name, file);
    EXPECT_EQ(error(), "cannot read '" + file.string() + "': Too many levels of symbolic links");
    fs::remove(file);
    if (was_there) fs::rename(kept, file);
  }
}

}  // namespace report_test
}  // namespace clew::report
