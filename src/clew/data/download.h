// SPDX-License-Identifier: Apache-2.0
// Brings files from public addresses, such as the original ones of a data set: resumes what was broken
// off, checks every file's SHA-256 and gives it its name only then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/core/config.h"

namespace clew::data {

struct RemoteFile {
  std::string name;    // in the folder, and after the mirror's address
  std::string sha256;  // 64 hexadecimal digits, lower case, or the first of them
  std::int64_t bytes = 0;
};

/// Files somewhere else.
struct RemoteSet {
  std::string name, what;
  std::string licence;               // its terms, in a few words
  std::string origin;                // the page or paper that tells of it
  std::vector<std::string> mirrors;  // addresses that file names are appended to; tried in order
  std::vector<RemoteFile> files;
};

/// The sets that this program knows how to bring.
[[nodiscard]] const std::vector<RemoteSet>& remote_sets();
/// The set of that name, or of a description file NAME.toml with the keys name, what, licence,
/// origin, mirrors, files, sha256, bytes (the last three as long as each other). Unknown name,
/// wrong description: UsageError.
[[nodiscard]] RemoteSet find_remote_set(const std::string& name_or_file);

/// How far a file is, in bytes; total 0: not known. False: stop, as soon as possible.
using DownloadProgress =
    std::function<bool(const std::string& file, std::int64_t done, std::int64_t total)>;

/// True where the file is in `folder`, with its checksum. Another checksum: clew::Error. Blocks.
[[nodiscard]] bool has_file(const RemoteFile& file, const std::filesystem::path& folder);
/// True when this build can download.
[[nodiscard]] bool can_download();
/// Brings every file of `set` that `folder` does not have yet; FILE.part holds what came so far. A
/// file that is there with another checksum is left alone and is an error. What comes with another
/// checksum is deleted. Blocks.
void download(const RemoteSet& set, const std::filesystem::path& folder,
              const DownloadProgress& progress);

}  // namespace clew::data
