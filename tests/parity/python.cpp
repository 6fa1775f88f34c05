// SPDX-License-Identifier: Apache-2.0
#include "tests/parity/python.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "clew/core/error.h"

namespace clew::parity {
namespace {

std::string shell_word(const std::string& text) {
  std::string result(1, '\'');
  for (const char c : text) {
    if (c == '\'') {
      result.append("'\\''");
    } else {
      result.push_back(c);
    }
  }
  result.push_back('\'');
  return result;
}

/// Exit status and what came on both streams.
std::pair<int, std::string> run(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {-1, "popen failed"};
  std::string output;
  std::array<char, 4096> part;
  while (const auto got = std::fread(part.data(), 1, part.size(), pipe))
    output.append(part.data(), got);
  return {::pclose(pipe), output};
}

std::string witnesses() {
  const char* folder = std::getenv("CLEW_WITNESSES");
  return folder != nullptr ? folder : CLEW_WITNESSES_DEFAULT;
}

// Command of the first Python that can import what `imports` says; empty: none.
std::string find_python(const std::string& imports) {
  std::vector<std::string> interpreters = {"python3", "/usr/bin/python3"};
  if (const char* chosen = std::getenv("CLEW_PYTHON"))
    interpreters.insert(interpreters.begin(), shell_word(chosen));
  // As it is first: another NumPy in front of its path would break the torch of Debian's Python.
  const auto path = [](const std::string& folder) {
    return concat("PYTHONPATH=", shell_word(folder), "${PYTHONPATH:+:$PYTHONPATH} ");
  };
  for (const auto& interpreter : interpreters) {
    for (const auto& environment :
         {std::string(), path(witnesses()), path(witnesses() + "/beside_torch")}) {
      std::string python = concat("PYTHONDONTWRITEBYTECODE=1 ", environment, interpreter);
      if (run(concat(python, " -c ", shell_word(imports))).first == 0) return python;
    }
  }
  return "";
}

}  // namespace

TestFolder::TestFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  path_ = std::filesystem::temp_directory_path() /
          concat("clew_parity_", test->test_suite_name(), "_", test->name());
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

TestFolder::~TestFolder() { std::filesystem::remove_all(path_); }

std::optional<std::string> python_with(const std::vector<std::string>& modules) {
  static std::map<std::string, std::string> known;
  std::string imports = "import sys";
  for (const auto& module : modules) imports.append(", ").append(module);
  auto found = known.find(imports);
  if (found == known.end()) found = known.emplace(imports, find_python(imports)).first;
  if (found->second.empty()) return std::nullopt;
  return found->second;
}

std::string no_python_with(const std::string& packages) {
  return concat("no Python with ", packages, " and none in '", witnesses(),
                "': run './clew test witnesses' where there is a network");
}

std::string run_python(const std::string& python, const std::string& script,
                       const std::vector<std::string>& arguments) {
  std::string command = concat(python, " ", shell_word(concat(CLEW_PARITY_FOLDER, "/", script)));
  for (const auto& argument : arguments) command.append(" ").append(shell_word(argument));
  const auto [status, output] = run(command);
  EXPECT_EQ(status, 0) << command << "\n" << output;
  return output;
}

}  // namespace clew::parity
