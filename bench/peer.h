// SPDX-License-Identifier: Apache-2.0
// Runs the PyTorch peers: scripts of bench/peers in separate processes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

/// A temporary folder, removed at the end.
struct TemporaryFolder {
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

/// A python that can import `module`: `wanted`, else the first of the path and the system's. None:
/// clew::Error.
std::string find_python(const std::string& wanted, const std::string& module = "torch");

/// Runs a program with arguments and VARIABLE=VALUE additions to its environment; returns its JSON
/// output, or null on failure. Blocks.
Json run_json(const std::vector<std::string>& environment, const std::vector<std::string>& command);

/// OPENBLAS_CORETYPE=NAME of the best kernels for this CPU; empty if the user has set it.
std::vector<std::string> best_core_type();

/// Runs a script with `arguments`; returns its output, an object with `key`. Blocks. Failure:
/// clew::Error.
Json run_peer(const std::string& python, std::string_view script,
              const std::vector<std::string>& arguments, const std::string& key,
              const std::vector<std::string>& environment = {});

/// Peak rate of products in a precision, as `clew bench peak`, GFLOP/s.
double peak_gflops(int threads, bool is_bf16);

}  // namespace clew::bench
