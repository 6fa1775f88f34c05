// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <stdlib.h>  // mkdtemp

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "settings_bench.h"

namespace clew::bench {
namespace {

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

/// stdout of a shell command.
std::string output_of(const std::string& command, bool& is_good) {
  std::string out;
  FILE* pipe = ::popen(command.c_str(), "r");
  CLEW_CHECK(pipe != nullptr, "cannot start a process for the peer");
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof(buffer), pipe))
    out.append(buffer, got);
  is_good = ::pclose(pipe) == 0;
  return out;
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "clew-bench-XXXXXX").string();
  CLEW_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a folder in ",
             std::filesystem::temp_directory_path().string());
  path = pattern;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string find_python(const std::string& wanted, const std::string& module) {
  std::vector<std::string> candidates = {"python3", "/usr/bin/python3"};
  if (!wanted.empty()) candidates = {wanted};
  for (const auto& python : candidates) {
    bool is_good = false;
    output_of(concat(quoted(python), " -c 'import ", module, "' 2>/dev/null"), is_good);
    if (is_good) return python;
  }
  throw Error(concat("--peer needs a Python with ", module, " (Debian: apt install python3-",
                     module, "), but ", candidates[0], " cannot import it"));
}

Json run_json(const std::vector<std::string>& environment,
              const std::vector<std::string>& command) {
  std::string line = "env";
  for (const auto& word : environment) line += ' ' + quoted(word);
  for (const auto& word : command) line += ' ' + quoted(word);
  bool is_good = false;
  const Json answer = Json::parse(output_of(line, is_good), nullptr, false);
  return is_good && !answer.is_discarded() ? answer : Json();
}

std::vector<std::string> best_core_type() {
  const auto names = core_types();
  if (names.empty() || std::getenv("OPENBLAS_CORETYPE") != nullptr) return {};
  return {"OPENBLAS_CORETYPE=" + names.front()};
}

Json run_peer(const std::string& python, std::string_view script,
              const std::vector<std::string>& arguments, const std::string& key,
              const std::vector<std::string>& environment) {
  const TemporaryFolder folder;
  const auto path = folder.path / "peer.py";
  write_file_atomic(path, script);
  std::vector<std::string> command{python, path.string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Json answer = run_json(environment, command);
  CLEW_CHECK(answer.is_object() && answer.contains(key),
             "the peer ended with an error; what it said stands above");
  return answer;
}

double peak_gflops(int threads, bool is_bf16) {
  double peak = 0;
  for (const auto& row : peak_rows({.threads = threads, .seconds = 0.05, .copy_mib = 1})) {
    if (row["what"] == (is_bf16 ? "bf16" : "fp32")) peak = row["gflops"].get<double>();
  }
  return peak;
}

}  // namespace clew::bench
