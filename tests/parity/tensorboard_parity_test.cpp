// SPDX-License-Identifier: Apache-2.0
// Event files of ours in TensorBoard's own readers: the same tags, steps, times and bits of values,
// and of a resumed run only the steps that count.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>

#include "clew/core/key.h"
#include "clew/train/tensorboard.h"
#include "tests/parity/python.h"

namespace clew::parity {
namespace tensorboard_parity_test {

using runs::Metric;
using train::EventWriter;

/// The lines that check_tensorboard.py should write.
class Wanted {
 public:
  void add(const std::string& tag, std::int64_t step, double seconds, double value) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), " %lld %.6f %08x\n", static_cast<long long>(step),
                  seconds, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    lines_[tag] += tag + text.data();
  }
  std::string text() const {
    std::string all;
    for (const auto& [tag, lines] : lines_) all += lines;
    return all;
  }

 private:
  std::map<std::string, std::string> lines_;  // in the order of bytes, as Python sorts ASCII
};

struct TensorBoard : testing::Test {
  TensorBoard() : python(python_with({"tensorboard.backend.event_processing.event_accumulator"})) {
    std::filesystem::create_directory(folder / "run");
  }
  void SetUp() override {
    if (!python) GTEST_SKIP() << no_python_with("tensorboard");
  }
  std::string read() const {
    run_python(*python, "check_tensorboard.py", {folder / "run", folder / "lines"});
    std::ifstream in(folder / "lines", std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  std::optional<std::string> python;
  TestFolder folder;
};

TEST_F(TensorBoard, ReadsEveryValueWhileTheFileIsStillOpen) {
  constexpr double kStart = 1700000000.25;
  const double none = std::numeric_limits<double>::quiet_NaN();
  EventWriter writer(folder / "run", kStart);
  Wanted wanted;
  // More events than TensorBoard keeps by default, of values of every size and sign.
  for (std::int64_t i = 0; i < 12000; ++i) {
    const double seconds = kStart + 0.5 * static_cast<double>(i);
    const std::int64_t step = i * 1000;
    const auto bits =
        static_cast<std::uint32_t>(fold_in(Key{7}, static_cast<std::uint64_t>(i)).value);
    const double any = std::bit_cast<float>(bits);
    const double loss =
        std::exp(-0.01 * static_cast<double>(i));  // rounded to f32, then too small for it
    const std::vector<Metric> metrics = {
        {"loss", loss},
        {"train/any value", any},
        {"accuracy", i % 3 == 0 ? std::optional(0.1) : std::nullopt},
        {"never", i % 2 == 0 ? none : HUGE_VAL}};
    writer.append(step, seconds, metrics);
    wanted.add("loss", step, seconds, loss);
    if (std::isfinite(any)) wanted.add("train/any value", step, seconds, any);
    if (i % 3 == 0) wanted.add("accuracy", step, seconds, 0.1);
  }
  const std::vector<Metric> last = {{"loss", -0.0}};
  constexpr std::int64_t kFar = std::int64_t{1} << 53;
  writer.append(kFar, kStart + 6000, last);
  wanted.add("loss", kFar, kStart + 6000, -0.0);
  EXPECT_EQ(read(), wanted.text());
}

TEST_F(TensorBoard, ForgetsWhatAResumedRunTakesBack) {
  // Starts within one second and later ones, and one that went back to the beginning.
  struct Part {
    double start;
    std::optional<std::int64_t> resumed_after;
    std::int64_t first, last;
  };
  for (const auto& parts :
       std::vector<std::vector<Part>>{{{50, std::nullopt, 100, 1000}, {50, 600, 700, 900}},
                                      {{50, std::nullopt, 100, 1000},
                                       {60, 600, 700, 900},
                                       {61, 850, 900, 1500},
                                       {70, 1500, 1600, 1700}},
                                      {{50, std::nullopt, 100, 1000}, {60, 0, 100, 300}},
                                      {{50, std::nullopt, 100, 1000}, {60, 400, 500, 400}}}) {
    std::filesystem::remove_all(folder / "run");
    std::filesystem::create_directory(folder / "run");
    std::map<std::int64_t, double> seconds_of;  // of the steps that count
    for (const Part& part : parts) {
      EventWriter writer(folder / "run", part.start, part.resumed_after);
      if (part.resumed_after)
        seconds_of.erase(seconds_of.upper_bound(*part.resumed_after), seconds_of.end());
      for (std::int64_t step = part.first; step <= part.last; step += 100) {
        const double seconds = part.start + static_cast<double>(step) * 1e-3;
        const std::vector<Metric> metrics = {
            {"often", seconds},
            {"seldom", step % 200 == 0 ? std::optional(seconds) : std::nullopt}};
        writer.append(step, seconds, metrics);
        seconds_of[step] = seconds;
      }
    }
    Wanted wanted;
    for (const auto& [step, seconds] : seconds_of) {
      wanted.add("often", step, seconds, seconds);
      if (step % 200 == 0) wanted.add("seldom", step, seconds, seconds);
    }
    EXPECT_EQ(read(), wanted.text())
        << parts.size() << " parts, the second after " << *parts[1].resumed_after;
  }
}

TEST_F(TensorBoard, LosesOnlyTheLastEventOfATornFile) {
  Wanted wanted;
  std::filesystem::path torn;
  {
    EventWriter writer(folder / "run", 50);
    torn = writer.path();
    for (std::int64_t step = 1; step <= 3; ++step)
      writer.append(step, 50, std::vector<Metric>{{"loss", 0.5}});
  }
  std::filesystem::resize_file(torn, std::filesystem::file_size(torn) - 5);
  for (std::int64_t step = 1; step <= 2; ++step) wanted.add("loss", step, 50, 0.5);
  EXPECT_EQ(read(), wanted.text());
  EventWriter writer(folder / "run", 60, 2);
  writer.append(3, 60, std::vector<Metric>{{"loss", 0.25}});
  wanted.add("loss", 3, 60, 0.25);
  EXPECT_EQ(read(), wanted.text());
}

}  // namespace tensorboard_parity_test
}  // namespace clew::parity
