// SPDX-License-Identifier: Apache-2.0
// Downloads of public files, such as a data set's: resumable, renamed into place after SHA-256 is
// verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/core/config.h"

namespace clew::data {

struct RemoteFile {
  std::string name;    // in the folder, and appended to the mirror's URL
  std::string sha256;  // 64 hexadecimal digits, lower case, or a prefix of them
  std::int64_t bytes = 0;
};

/// Files of a downloadable data set.
struct RemoteSet {
  std::string name, what;
  std::string licence;               // terms, in a few words
  std::string origin;                // page or paper
  std::vector<std::string> mirrors;  // base URLs, tried in order
  std::vector<RemoteFile> files;
};

/// Known downloadable sets.
[[nodiscard]] const std::vector<RemoteSet>& remote_sets();
/// Set by name, or of a description file NAME.toml with the keys name, what, licence, origin,
/// mirrors, files, sha256, bytes (the last three of equal length). Unknown name, invalid
/// description: UsageError.
[[nodiscard]] RemoteSet find_remote_set(const std::string& name_or_file);

/// Bytes of a file, done and in total (0: not known). Returns false to stop.
using DownloadProgress =
    std::function<bool(const std::string& file, std::int64_t done, std::int64_t total)>;

/// True if the file is in `folder` with its checksum. Another checksum: clew::Error. Blocks.
[[nodiscard]] bool has_file(const RemoteFile& file, const std::filesystem::path& folder);
/// True when this build can download.
[[nodiscard]] bool can_download();
/// Downloads the files of `set` that `folder` lacks, through FILE.part. An existing file with
/// another checksum is an error and is kept; a download with another checksum is deleted. Blocks.
void download(const RemoteSet& set, const std::filesystem::path& folder,
              const DownloadProgress& progress);

}  // namespace clew::data
