// SPDX-License-Identifier: Apache-2.0
// Files of a data set that get their places when all are whole. Private to the module.
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

/// FOLDER/.making, where files lie until all are whole. What a killed maker left there is removed, and
/// what is there at the end too, with FOLDER where it was made for it.
class StagingFolder {
 public:
  /// `refuse` throws where FOLDER already holds what is to come; it is asked again before delivery.
  /// Another maker at work: clew::Error.
  StagingFolder(const std::filesystem::path& folder, std::function<void()> refuse);
  ~StagingFolder();
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// A file below it, with its folders. Several threads may write at once.
  void write(const std::filesystem::path& name, std::span<const std::uint8_t> bytes) const;
  void write(const std::filesystem::path& name, std::string_view text) const;
  /// Gives what lies in it its places in FOLDER, all or none, after it has reached the disk.
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
