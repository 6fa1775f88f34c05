// SPDX-License-Identifier: Apache-2.0
// For tests: threads in place of processes, each with its own Processes, over real sockets.
#pragma once

#include <exception>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "clew/train/processes.h"

namespace clew::train {

/// Runs `job` in `size` threads, one per rank; returns the error text of each, empty for none.
inline std::vector<std::string> run_as_threads(int size, const std::function<void(Processes&)>& job,
                                               double timeout_s = 60) {
  std::promise<int> port;
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  const auto work = [&](int rank, int meeting, const std::function<void(int)>& on_listening) {
    try {
      Processes processes({.rank = rank, .size = size, .port = meeting, .timeout_s = timeout_s},
                          on_listening);
      job(processes);
    } catch (const std::exception& error) {
      errors[static_cast<std::size_t>(rank)] = error.what();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    bool is_listening = false;
    work(0, 0, [&](int listening) { port.set_value(listening), is_listening = true; });
    if (!is_listening) port.set_value(0);  // alone, or it failed: the others find nobody
  });
  const int meeting = port.get_future().get();
  for (int rank = 1; rank < size; ++rank)
    threads.emplace_back([&, rank] { work(rank, meeting, {}); });
  for (auto& thread : threads) thread.join();
  return errors;
}

}  // namespace clew::train
