// SPDX-License-Identifier: Apache-2.0
// Runs a Python script of tests/parity as an independent witness: an interpreter that has the
// modules it needs is looked for, and a test without one says what is missing.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace clew::parity {

/// A folder of the test that runs, emptied when made and removed at the end.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// The command of an interpreter that can import `modules`: $CLEW_PYTHON, python3 or
/// /usr/bin/python3, each first as it is and then with the folder of witnesses
/// ($CLEW_WITNESSES, or build/witnesses, which `./clew test` fills) or its folder beside_torch in front of its path.
/// Nothing when none can.
std::optional<std::string> python_with(const std::vector<std::string>& modules);

/// Why a test is skipped that needs `packages` of tests/witnesses.txt, and what to do about it.
std::string no_python_with(const std::string& packages);

/// Runs tests/parity/SCRIPT with arguments; what it printed, and a test failure unless it ended
/// with 0.
std::string run_python(const std::string& python, const std::string& script,
                       const std::vector<std::string>& arguments);

}  // namespace clew::parity
