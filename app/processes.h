// SPDX-License-Identifier: Apache-2.0
// Child processes of `clew train --processes N`: this program with torchrun's variables.
#pragma once

#include <string>
#include <vector>

#include "clew/train/processes.h"

namespace clew::app {

class OtherProcesses {
 public:
  OtherProcesses() = default;
  ~OtherProcesses();  // terminates running ones
  OtherProcesses(const OtherProcesses&) = delete;
  OtherProcesses& operator=(const OtherProcesses&) = delete;

  /// Starts all of `place` but this one with the command `words`, for rendezvous at `port`. Their
  /// output goes to stderr.
  void start(const train::ProcessPlace& place, int port, const std::vector<std::string>& words);
  /// During rendezvous: clew::Error if one of them has ended. Does not block.
  void check();
  /// Waits until all have ended; clew::Error if one of them failed.
  void wait();

 private:
  std::vector<int> ids_;
};

}  // namespace clew::app
