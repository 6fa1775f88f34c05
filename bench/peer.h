// SPDX-License-Identifier: Apache-2.0
// The same job in plain PyTorch, run beside ours: a script of bench/peers in a process of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

/// A folder that goes away.
struct TemporaryFolder {
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::filesystem::path path;
};

/// A python that can import `module`: the one asked for, else the first of the path and the system's.
/// None: clew::Error.
std::string find_python(const std::string& wanted, const std::string& module = "torch");

/// Runs a program with its arguments, with VARIABLE=VALUE words in its environment, and gives the
/// JSON that it prints; null when it failed or printed none. Blocks.
Json run_json(const std::vector<std::string>& environment, const std::vector<std::string>& command);

/// OPENBLAS_CORETYPE=NAME of the kernels that fit this CPU best; empty where the user has set it.
std::vector<std::string> best_core_type();

/// Runs the text of a script with `arguments` and returns the object it prints, which has `key`.
/// Blocks. Another answer or exit: clew::Error.
Json run_peer(const std::string& python, std::string_view script,
              const std::vector<std::string>& arguments, const std::string& key,
              const std::vector<std::string>& environment = {});

/// What `clew bench peak` measures for products in that precision, GFLOP/s.
double peak_gflops(int threads, bool is_bf16);

}  // namespace clew::bench
