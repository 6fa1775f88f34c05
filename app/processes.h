// SPDX-License-Identifier: Apache-2.0
// The other processes of `clew train --processes N`: this program again, with torchrun's variables set.
#pragma once

#include <string>
#include <vector>

#include "clew/train/processes.h"

namespace clew::app {

class OtherProcesses {
 public:
  OtherProcesses() = default;
  ~OtherProcesses();  // ends those that still run
  OtherProcesses(const OtherProcesses&) = delete;
  OtherProcesses& operator=(const OtherProcesses&) = delete;

  /// Starts all of `place` but this one with the command `words`; they meet at `port`. What they print goes to stderr.
  void start(const train::ProcessPlace& place, int port, const std::vector<std::string>& words);
  /// While they come: clew::Error if one of them has ended. Does not wait.
  void check();
  /// Waits until all have ended; clew::Error if one of them failed.
  void wait();

 private:
  std::vector<int> ids_;
};

}  // namespace clew::app
