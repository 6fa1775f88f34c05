// SPDX-License-Identifier: Apache-2.0
#include "clew/train/processes.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/train/processes_as_threads.h"
#include "tests/support/expect_error.h"

namespace clew::train {
namespace processes_test {

using Environment = std::map<std::string, std::string>;

ProcessPlace place_of(const Environment& environment) {
  return place_from_environment([&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

std::string usage_error_of(const Environment& environment) {
  return clew::error_of<UsageError>([&] { (void)place_of(environment); });
}

const std::vector<std::string> kNoErrors3(3);

TEST(ProcessPlace, ComesFromTorchrunsVariables) {
  EXPECT_EQ(place_of({}).size, 1);
  EXPECT_EQ(place_of({{"WORLD_SIZE", "1"}, {"RANK", "x"}}).size, 1);
  EXPECT_EQ(place_of({{"RANK", ""}, {"MASTER_ADDR", ""}}).size, 1);
  const auto place = place_of({{"WORLD_SIZE", "4"},
                               {"RANK", "3"},
                               {"MASTER_ADDR", "far"},
                               {"MASTER_PORT", "29500"},
                               {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                               {"TORCHELASTIC_RESTART_COUNT", "2"}});
  EXPECT_EQ(place.size, 4);
  EXPECT_EQ(place.rank, 3);
  EXPECT_EQ(place.address, "far");
  EXPECT_EQ(place.port, 29500);
  EXPECT_TRUE(place.has_store);
  EXPECT_EQ(place.prefix, "/worker/attempt_2");
}

TEST(ProcessPlace, SaysWhatIsWrong) {
  const std::string all =
      "training in several processes takes the environment variables RANK, WORLD_SIZE, "
      "MASTER_ADDR and MASTER_PORT, got only ";
  EXPECT_EQ(usage_error_of({{"RANK", "0"}}), all + "RANK");
  EXPECT_EQ(usage_error_of({{"WORLD_SIZE", "2"}, {"RANK", "0"}}), all + "RANK, WORLD_SIZE");
  Environment good{{"WORLD_SIZE", "2"}, {"RANK", "0"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}};
  EXPECT_EQ(usage_error_of(good), "no error");
  const auto with = [&](const std::string& name, const std::string& value) {
    auto bad = good;
    bad[name] = value;
    return usage_error_of(bad);
  };
  EXPECT_EQ(with("RANK", "2"), "the environment variable RANK must be in 0..1, got '2'");
  EXPECT_EQ(with("RANK", "1x"), "the environment variable RANK must be in 0..1, got '1x'");
  EXPECT_EQ(with("WORLD_SIZE", "0"),
            "the environment variable WORLD_SIZE must be in 1..4096, got '0'");
  EXPECT_EQ(with("MASTER_PORT", "70000"),
            "the environment variable MASTER_PORT must be in 1..65535, got '70000'");
}

TEST(ProcessPlace, AnAddressAloneIsOneProcess) {
  EXPECT_EQ(place_of({{"MASTER_ADDR", "far"}}).size, 1);
  EXPECT_EQ(place_of({{"MASTER_ADDR", "far"}, {"MASTER_PORT", "29500"}}).size, 1);
}

TEST(ProcessPlace, ComesFromOtherLaunchersToo) {
  const std::vector<std::array<std::string, 3>> launchers = {
      {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
      {"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"},
      {"MPI", "PMI_RANK", "PMI_SIZE"}};
  for (const auto& [name, rank, size] : launchers) {
    Environment set{{rank, "3"}, {size, "4"}};
    EXPECT_EQ(usage_error_of(set),
              name +
                  " has started 4 processes, which train together with MASTER_ADDR and MASTER_PORT "
                  "(a free one on the machine of rank 0) in their environment, each alone with "
                  "WORLD_SIZE=1; got only " +
                  rank + ", " + size);
    set["MASTER_ADDR"] = "far";
    set["MASTER_PORT"] = "29500";
    EXPECT_EQ(place_of(set).size, 4);
    EXPECT_EQ(place_of(set).rank, 3);
    EXPECT_EQ(place_of(set).address, "far");
    set[rank] = "4";
    EXPECT_EQ(usage_error_of(set),
              "the environment variable " + rank + " must be in 0..3, got '4'");
    set["RANK"] = "1";  // torchrun's own count first
    EXPECT_EQ(place_of(set).rank, 1);
    set["WORLD_SIZE"] = "1";
    EXPECT_EQ(place_of(set).size, 1);
    EXPECT_EQ(place_of({{rank, "0"}, {size, "1"}}).size, 1);
  }
}

TEST(ProcessPlace, ABatchScriptOfSlurmIsOneProcessAndSaysSo) {
  std::string said;
  set_log_sink([&](LogLevel, const std::string& line) { said += line; });
  EXPECT_EQ(place_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "1"}}).size, 1);
  EXPECT_EQ(said, "");
  EXPECT_EQ(place_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}}).size, 1);
  set_log_sink({});
  EXPECT_EQ(said,
            "Slurm has 4 tasks here, of which srun starts the processes: this one, started without "
            "it, trains alone");
}

TEST(SumInPairs, NeighboursFirst) {
  std::vector<torch::Tensor> parts;
  for (const float value : {1e8F, 1.0F, -1e8F, 3.0F, 0.5F})
    parts.push_back(torch::full({1}, value));
  sum_in_pairs(parts);
  // (1e8 + 1) + (-1e8 + 3) + 0.5, where 1 and 3 are lost beside 1e8; one by one it would be 3.5.
  EXPECT_EQ(parts[0].item<float>(), 0.5F);
}

TEST(Processes, OneSendsNothing) {
  Processes one;
  EXPECT_TRUE(one.is_first());
  EXPECT_EQ(one.gather([] { return std::string("a"); }), std::vector<std::string>{"a"});
  EXPECT_EQ(one.from_first([] { return std::string("b"); }), "b");
  const auto values = torch::arange(3, torch::kFloat32);
  one.sum(values);
  EXPECT_TRUE(values.equal(torch::arange(3, torch::kFloat32)));
  EXPECT_FALSE(one.is_stopping());
  one.ask_to_stop();
  EXPECT_TRUE(one.is_stopping());
}

TEST(Processes, GatherAndTell) {
  const std::string longer(5000, 'x');
  std::vector<std::vector<std::string>> told(3), long_told(3);
  std::vector<std::string> heard(3);
  const auto errors = run_as_threads(3, [&](Processes& processes) {
    const auto rank = static_cast<std::size_t>(processes.rank());
    told[rank] = processes.gather([&] { return std::string(rank, 'a'); });
    long_told[rank] = processes.gather([&] { return rank == 1 ? longer : std::string("short"); });
    EXPECT_EQ(processes.from_first([] { return std::string(); }), "");
    heard[rank] = processes.from_first([&] { return longer + std::to_string(rank); });
  });
  EXPECT_EQ(errors, kNoErrors3);
  for (std::size_t rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(told[rank], (std::vector<std::string>{"", "a", "aa"}));
    EXPECT_EQ(long_told[rank], (std::vector<std::string>{"short", longer, "short"}));
    EXPECT_EQ(heard[rank], longer + "0");
  }
}

TEST(Processes, SumsHaveTheSameBytesEverywhereAndAlways) {
  for (const int size : {2, 3, 4}) {
    for (const std::int64_t count : {1, 1001}) {  // fewer numbers than processes, and no multiple
      std::vector<torch::Tensor> parts;
      for (int rank = 0; rank < size; ++rank) {
        torch::manual_seed(static_cast<std::uint64_t>(rank));
        parts.push_back(torch::randn({count}) * std::pow(10.0, rank));
      }
      std::vector<torch::Tensor> sums;
      for (const auto& part : parts) sums.push_back(part.clone());
      const auto errors = run_as_threads(size, [&](Processes& processes) {
        for (int again = 0; again < 2; ++again) {
          const auto& sum = sums[static_cast<std::size_t>(processes.rank())];
          sum.copy_(parts[static_cast<std::size_t>(processes.rank())]);
          processes.sum(sum);
        }
      });
      EXPECT_EQ(errors, std::vector<std::string>(static_cast<std::size_t>(size)));
      std::vector<torch::Tensor> expected;
      for (const auto& part : parts) expected.push_back(part.clone());
      sum_in_pairs(expected);
      for (const auto& sum : sums) EXPECT_TRUE(sum.equal(expected[0])) << size << " " << count;
    }
  }
}

TEST(Processes, AnErrorOfOneIsOneOfAll) {
  for (const bool is_usage : {false, true}) {
    std::vector<int> usage(3);
    const auto errors = run_as_threads(3, [&](Processes& processes) {
      try {
        processes.gather([&]() -> std::string {
          if (processes.rank() == 1 && is_usage) throw UsageError("no such recipe");
          if (processes.rank() == 1) throw Error("the disk is full");
          return "fine";
        });
      } catch (const UsageError&) {
        usage[static_cast<std::size_t>(processes.rank())] = 1;
        throw;
      }
    });
    const std::string text = is_usage ? "no such recipe" : "the disk is full";
    EXPECT_EQ(errors, (std::vector<std::string>{"process 1: " + text, text, "process 1: " + text}));
    EXPECT_EQ(usage, std::vector<int>(3, is_usage));
  }
}

TEST(Processes, AFailureOutsideIsToldToThoseThatWait) {
  const auto errors = run_as_threads(3, [&](Processes& processes) {
    try {
      processes.from_first([] { return std::string("begin"); });
      CLEW_CHECK(processes.rank() != 2, "no such folder");
      processes.gather([] { return std::string(); });
    } catch (const Error& error) {
      processes.tell_failure(error);  // once: those that were told have nothing to tell
      throw;
    }
  });
  EXPECT_EQ(errors, (std::vector<std::string>{"process 2: no such folder",
                                              "process 2: no such folder", "no such folder"}));
}

TEST(Processes, AllStopTogether) {
  std::vector<int> rounds(3);
  const auto errors = run_as_threads(3, [&](Processes& processes) {
    auto& round = rounds[static_cast<std::size_t>(processes.rank())];
    while (!processes.is_stopping() && round < 50) {
      processes.gather([] { return std::string(); });
      if (++round == 7 && processes.rank() == 2) processes.ask_to_stop();
    }
  });
  EXPECT_EQ(errors, kNoErrors3);
  EXPECT_EQ(rounds, std::vector<int>(3, 8));
}

TEST(Processes, OneThatLeavesIsSeen) {
  const auto errors = run_as_threads(3, [&](Processes& processes) {
    if (processes.rank() == 1) return;
    processes.sum(torch::zeros({10}));
    processes.gather([] { return std::string(); });
  });
  EXPECT_EQ(errors[1], "");
  for (const int rank : {0, 2}) {
    const auto& text = errors[static_cast<std::size_t>(rank)];
    EXPECT_TRUE(text.starts_with(
        "another process of this training has ended, or was silent for 60 s (seen by process " +
        std::to_string(rank) + " of 3: "))
        << text;
  }
}

/// Threads of this process, and whether SIGPIPE is blocked in each.
std::map<std::string, bool> pipe_signal_is_blocked() {
  std::map<std::string, bool> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream status(entry.path() / "status");
    std::string word;
    while (status >> word && word != "SigBlk:") {
    }
    if (status >> word)
      threads[entry.path().filename()] = (std::stoull(word, nullptr, 16) >> (SIGPIPE - 1) & 1) != 0;
  }
  return threads;
}

// A write to an ended process raises SIGPIPE in the writing thread.
TEST(Processes, SendingThreadsOutliveTheOthers) {
  auto own = pipe_signal_is_blocked();
  std::mutex mutex;
  std::map<std::string, bool> sending;
  const auto errors = run_as_threads(2, [&](Processes& processes) {
    {
      const std::lock_guard lock(mutex);
      own[std::to_string(::gettid())] = false;
    }
    processes.gather([] { return std::string(); });
    if (processes.is_first()) {
      sending = pipe_signal_is_blocked();
      EXPECT_FALSE(sending.at(std::to_string(::gettid())));  // only in calls, as the other's now
      for (const auto& [thread, is_blocked] : own) sending.erase(thread);
    }
    processes.gather([] { return std::string(); });
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  EXPECT_GE(sending.size(), 2U);
  for (const auto& [thread, is_blocked] : sending) EXPECT_TRUE(is_blocked) << thread;
}

TEST(Processes, OneThatIsSilentIsSeen) {
  std::promise<void> is_seen;
  const auto errors = run_as_threads(
      2,
      [&](Processes& processes) {
        if (processes.rank() == 1) {
          is_seen.get_future().wait();
          return;
        }
        try {
          processes.gather([] { return std::string(); });
        } catch (const Error&) {
          is_seen.set_value();
          throw;
        }
        is_seen.set_value();
      },
      5);
  EXPECT_EQ(errors[1], "");
  EXPECT_TRUE(
      errors[0].starts_with("another process of this training has ended, or was silent for 5 s"))
      << errors[0];
}

TEST(Processes, OneThatNeverComesIsMissed) {
  try {
    Processes processes({.rank = 0, .size = 2, .timeout_s = 1},
                        [](int port) { EXPECT_GT(port, 0); });
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("process 0 of 2 does not reach the others: "))
        << error.what();
  }
}

TEST(Processes, WhoWaitsForTheOthersMayGiveUp) {
  int asked = 0;
  expect_error(
      [&] {
        const Processes processes({.size = 2, .timeout_s = 60}, {}, [&] {
          if (++asked == 3) throw Error("nobody comes");
        });
      },
      "nobody comes");
  EXPECT_EQ(asked, 3);
}

}  // namespace processes_test
}  // namespace clew::train
