// SPDX-License-Identifier: Apache-2.0
// Reading and atomic writing of whole files: a crash, a full disk or kill -9 never leaves a partial
// file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace clew {

/// Bytes of a file. Missing, unreadable or longer than `max_bytes`: clew::Error naming the path.
/// Blocks.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Text of a file, as read_file, without a byte-order mark. UTF-16: clew::Error.
std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes);

/// Replaces the file atomically: readers see the old or the new one, also after a power cut. Writes
/// and syncs PATH.part, then renames. On failure PATH.part is removed, the old file is untouched:
/// clew::Error with the system's message. Writers of the same path wait for one another. Follows
/// links. Devices, pipes and this process's own output are written directly. Blocks.
void write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomic(const std::filesystem::path& path, std::string_view text);

/// True if the path exists. If the system cannot tell (no permission, name too long, link cycle):
/// clew::Error naming the path.
bool path_exists(const std::filesystem::path& path);

/// Creates the folder and its missing parents. Failure: clew::Error.
void make_folders(const std::filesystem::path& path);

/// Advisory lock of a file or folder between processes, released by the system at the process's
/// end. Does not block.
class PathLock {
 public:
  explicit PathLock(const std::filesystem::path& path);
  ~PathLock();
  PathLock(const PathLock&) = delete;
  PathLock& operator=(const PathLock&) = delete;

  /// True if another process holds it. False for a path that cannot be opened, or a file system
  /// without locks: the following access gives a better error.
  bool is_taken() const { return is_taken_; }

 private:
  int file_;
  bool is_taken_;
};

/// XXH3, 64 bits, the same on every machine. Not cryptographic.
std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

}  // namespace clew
