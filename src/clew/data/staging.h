// SPDX-License-Identifier: Apache-2.0
// Atomic delivery of a data set's files. Private to the module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "clew/core/files.h"

namespace clew::data {

/// Staging folder FOLDER/.making. Leftovers of a killed process are removed at the start; at the
/// end, undelivered files are, with FOLDER where it was created for them.
class StagingFolder {
 public:
  /// `refuse` throws where FOLDER already has the files; called again before delivery. Another
  /// process at work: clew::Error.
  StagingFolder(const std::filesystem::path& folder, std::function<void()> refuse);
  ~StagingFolder();
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file below it, creating folders. Thread-safe.
  void write(const std::filesystem::path& name, std::span<const std::uint8_t> bytes) const;
  void write(const std::filesystem::path& name, std::string_view text) const;
  /// Moves its files into FOLDER, all or none, once they have reached the disk.
  void deliver() const;

 private:
  std::vector<std::filesystem::path> entries(std::error_code& code) const;

  std::filesystem::path folder_;
  std::function<void()> refuse_;
  bool is_new_;
  std::filesystem::path path_;
  PathLock lock_;
};

}  // namespace clew::data
