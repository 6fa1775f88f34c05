// SPDX-License-Identifier: Apache-2.0
// Whole files in and out, so that a crash, a full disk or kill -9 never leaves half a file behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace clew {

/// The bytes of a file. Missing, unreadable or longer than `max_bytes`: clew::Error naming the
/// path. Blocks.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// The text of a file, as read_file, without a byte-order mark. UTF-16: clew::Error.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces `path` by `bytes` in one step: readers see the old file or the new one, also after a
/// power cut. Writes and syncs PATH.part beside it, then renames. On failure PATH.part is removed,
/// the old file is untouched, and clew::Error says what the system said. Writers of the same path
/// take turns. Behind a link, that is done to the file it leads to. A device, a pipe and this
/// process's own output are written through and stay what they are. Blocks.
void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomic(const std::filesystem::path& path, std::string_view text);

/// Whether something has this name. Where the system does not say (no permission, a name that is too
/// long, links in a circle): clew::Error naming the path.
bool path_exists(const std::filesystem::path& path);

/// Makes the folder and those above it that are missing; clew::Error when that fails.
void make_folders(const std::filesystem::path& path);

/// The lock of a file or folder, for one process at a time; the system lets go of it when the process
/// ends, however it ends. Does not wait.
class PathLock {
 public:
  explicit PathLock(const std::filesystem::path& path);
  ~PathLock();
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;

  /// True when someone else has it. A path that cannot be opened, or a file system without locks,
  /// is nobody's: what follows says better what is wrong.
  bool is_taken() const { return is_taken_; }

 private:
  int file_;
  bool is_taken_;
};

/// XXH3, 64 bits: the same on every machine. For checksums and signatures, not against forgery.
std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

}  // namespace clew
