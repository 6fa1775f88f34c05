// SPDX-License-Identifier: Apache-2.0
#include "peer.h"

#include <stdlib.h>  // mkdtemp

#include <cstdio>
#include <filesystem>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::bench {
namespace {

std::string quoted(const std::string& word) {
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + '\'';
}

/// stdout of a command of the shell.
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

/// A folder that goes away.
struct Folder {
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "clew-peer-XXXXXX").string();
    CLEW_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot make a folder in ",
               std::filesystem::temp_directory_path().string());
    path = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

}  // namespace

std::string find_python(const std::string& wanted) {
  std::vector<std::string> candidates = {"python3", "/usr/bin/python3"};
  if (!wanted.empty()) candidates = {wanted};
  for (const auto& python : candidates) {
    bool is_good = false;
    output_of(quoted(python) + " -c 'import torch' 2>/dev/null", is_good);
    if (is_good) return python;
  }
  throw Error(concat("--peer needs PyTorch (Debian: apt install python3-torch), but ",
                     candidates[0], " cannot import torch"));
}

Json run_peer(const std::string& python, std::string_view script,
              const std::vector<std::string>& arguments, const std::string& key) {
  const Folder folder;
  const auto path = folder.path / "peer.py";
  write_file_atomic(path, script);
  std::string command = quoted(python) + ' ' + quoted(path.string());
  for (const auto& word : arguments) command += ' ' + quoted(word);
  bool is_good = false;
  const std::string out = output_of(command, is_good);
  const Json answer = Json::parse(out, nullptr, false);
  CLEW_CHECK(is_good && answer.is_object() && answer.contains(key),
             "the peer ended with an error; what it said stands above");
  return answer;
}

double peak_gflops(int threads, bool is_bf16) {
  double peak = 0;
  for (const auto& row : peak_rows({.threads = threads, .seconds = 0.3, .copy_mib = 1})) {
    if (row["what"] == (is_bf16 ? "bf16" : "fp32")) peak = row["gflops"].get<double>();
  }
  return peak;
}

}  // namespace clew::bench
