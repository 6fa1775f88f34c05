// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/metrics.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <fstream>
#include <iterator>
#include <limits>

#include "clew/core/error.h"

namespace clew::runs {
namespace metrics_test {

namespace fs = std::filesystem;

struct MetricsFile : testing::Test {
  fs::path folder = fs::temp_directory_path() /
                    ("clew_metrics_" +
                     std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  fs::path path = folder / "metrics.jsonl";
  MetricsFile() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~MetricsFile() override { fs::remove_all(folder); }

  std::string text() const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void put(const std::string& content) const { std::ofstream(path, std::ios::binary) << content; }
  std::string read_error() const {
    try {
      (void)read_metrics(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }
};

std::vector<Metric> sample(int i) {
  return {{"score", i * 0.1}, {"episodes", 3.0 * i}, {"goals", std::nullopt}};
}

TEST_F(MetricsFile, ALineIsPlainJson) {
  const std::vector<Metric> metrics = {{"frames", 4e6},
                                       {"score", -0.1},
                                       {"lr", 1e-7},
                                       {"goals", std::nullopt},
                                       {"loss", std::numeric_limits<double>::quiet_NaN()},
                                       {"norm", std::numeric_limits<double>::infinity()},
                                       {"a\"b", 0}};
  EXPECT_EQ(
      metrics_line(1000000, metrics),
      "{\"step\": 1000000, \"frames\": 4000000, \"score\": -0.1, \"lr\": 1e-07, \"goals\": null, "
      "\"loss\": null, \"norm\": null, \"a\\\"b\": 0}\n");
}

TEST_F(MetricsFile, NumbersReadBackAsTheSameDouble) {
  const std::vector<double> values = {1.0 / 3,    1e300, -5e-324,      0x1p53,
                                      0x1p53 + 2, -0.0,  123456789.125};
  std::vector<Metric> metrics;
  for (const double value : values) metrics.push_back({concat("m", metrics.size()), value});
  MetricsWriter(path).append(7, metrics);
  const auto lines = read_metrics(path);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].step, 7);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(lines[0].metrics[i].value, values[i]);
    EXPECT_EQ(std::signbit(*lines[0].metrics[i].value), std::signbit(values[i]));
  }
  EXPECT_EQ(lines[0].get("m1"), 1e300);
  EXPECT_EQ(lines[0].get("nothing"), std::nullopt);
}

TEST_F(MetricsFile, AResumedFileEqualsOneNeverStopped) {
  {
    MetricsWriter writer(path);
    for (int i = 1; i <= 9; ++i) writer.append(i * 100, sample(i));
  }
  const std::string whole = text();
  const std::size_t fifth = whole.find("{\"step\": 600");
  // Killed after any byte; the checkpoint was taken at step 500, after the fifth line.
  for (std::size_t size = fifth; size <= whole.size(); ++size) {
    put(whole.substr(0, size));
    MetricsWriter writer(path, 500);
    for (int i = 6; i <= 9; ++i) writer.append(i * 100, sample(i));
    ASSERT_EQ(text(), whole) << "cut at byte " << size;
  }
  // Killed between the closing brace of the fifth line and its newline.
  put(whole.substr(0, fifth - 1));
  MetricsWriter writer(path, 500);
  for (int i = 6; i <= 9; ++i) writer.append(i * 100, sample(i));
  EXPECT_EQ(text(), whole);
}

TEST_F(MetricsFile, ResumingBeforeTheFirstLineEmptiesTheFile) {
  MetricsWriter(path).append(100, sample(1));
  MetricsWriter writer(path, 99);
  EXPECT_EQ(text(), "");
  writer.append(50, sample(2));
  EXPECT_EQ(read_metrics(path).at(0).step, 50);
}

TEST_F(MetricsFile, ATornLastLineIsLeftOut) {
  put("{\"step\": 1, \"score\": 2}\n{\"step\": 2, \"sco");
  const auto lines = read_metrics(path);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0].get("score"), 2.0);
}

TEST_F(MetricsFile, AnyOtherDamageNamesFileAndLine) {
  put("{\"step\": 1}\n{\"step\": 2, \"sco\n{\"step\": 3}\n");
  EXPECT_EQ(read_error().rfind(path.string() + ":2: malformed JSON: ", 0), 0U) << read_error();
  EXPECT_EQ(read_error(), path.string() + ":2: malformed JSON: wrong at byte 17 of the line");
  put("{\"step\": 1, \"score\": 1e999}\n");
  EXPECT_EQ(read_error(), path.string() + ":1: malformed JSON: a number is too large");
  put("{\"step\": 1}\n[1]\n");
  EXPECT_EQ(read_error(), path.string() + ":2: a line must be a JSON object, got array");
  put("{\"step\": \"1\"}\n");
  EXPECT_EQ(read_error(), path.string() + ":1: \"step\" must be a whole number");
  put("{\"step\": 1, \"score\": \"x\"}\n");
  EXPECT_EQ(read_error(), path.string() + ":1: \"score\" must be a number or null, got string");
  put("{\"step\": 2}\n{\"step\": 1}\n");
  EXPECT_EQ(read_error(), path.string() + ":2: steps must not go back, got 1 after 2");
  fs::remove(path);
  EXPECT_EQ(read_error(), "cannot read '" + path.string() + "': No such file or directory");
}

TEST_F(MetricsFile, StepsDoNotGoBack) {
  MetricsWriter writer(path);
  writer.append(10, sample(1));
  writer.append(10, sample(2));
  EXPECT_THROW(writer.append(9, sample(3)), Error);
  EXPECT_EQ(read_metrics(path).size(), 2U);
}

TEST_F(MetricsFile, AFullDiskLeavesNoHalfLine) {
  MetricsWriter writer(path);
  writer.append(1, sample(1));
  const std::string before = text();
  // A limit on the size of files stands in for the full disk: the next write is cut short, then
  // fails.
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = before.size() + 10, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    writer.append(2, sample(2));
  } catch (const Error& error) {
    message = error.what();
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(message, "cannot write '" + path.string() + "': File too large");
  EXPECT_EQ(text(), before);
  writer.append(2, sample(2));
  writer.sync();
  EXPECT_EQ(read_metrics(path).size(), 2U);
}

TEST_F(MetricsFile, AFolderThatIsNotThereIsOneSentence) {
  try {
    MetricsWriter writer(folder / "none" / "metrics.jsonl");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "cannot write '" + (folder / "none" / "metrics.jsonl").string() +
                                "': No such file or directory");
  }
}

}  // namespace metrics_test
}  // namespace clew::runs
