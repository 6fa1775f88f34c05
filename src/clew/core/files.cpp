// SPDX-License-Identifier: Apache-2.0
#include "clew/core/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/text.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace clew {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int code) {
  throw Error(concat(what, " '", path.string(), "': ", std::generic_category().message(code)));
}

/// Owning file descriptor.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : value_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return value_; }
  bool is_open() const { return value_ >= 0; }

 private:
  int value_;
};

/// 0 or errno.
int write_all(int file, std::span<const std::byte> bytes) {
  constexpr std::size_t kChunk = std::size_t{1}
                                 << 30;  // some systems refuse more than 2^31 at once
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), std::min(bytes.size(), kChunk));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return 0;
}

/// Waits for other writers of the file. No-op on file systems without locks.
void lock(int file) {
  while (::flock(file, LOCK_EX) != 0 && errno == EINTR) {
  }
}

bool is_same_file(int file, const std::filesystem::path& path) {
  struct stat open_file {
  }, named{};
  return ::fstat(file, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

/// Writes directly to a path that is not a regular file; true if it did.
bool is_written_through(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  struct stat named {
  }, found{};
  if (::lstat(path.c_str(), &named) != 0 || S_ISREG(named.st_mode)) return false;
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return false;  // dangling link: creates the file
    fail("cannot write", path, errno);
  }
  // A redirected output reopened by name would be written from its beginning.
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    if (!is_same_file(output, path)) continue;
    if (const int code = write_all(output, bytes)) fail("cannot write", path, code);
    return true;
  }
  if (S_ISREG(found.st_mode)) return false;
  const Descriptor file(path, O_WRONLY);
  if (!file.is_open()) fail("cannot write", path, errno);
  if (const int code = write_all(file.get(), bytes)) fail("cannot write", path, code);
  return true;
}

/// Target of a chain of links.
std::filesystem::path end_of_links(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // as in Linux
  std::error_code code;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(path, code); ++i)
    path = path.parent_path() / std::filesystem::read_symlink(path, code);
  return path;
}

/// Fills and renames `part`, which this process has locked. 0 or errno.
int replace(const Descriptor& file, std::span<const std::byte> bytes,
            const std::filesystem::path& part, const std::filesystem::path& path) {
  if (::ftruncate(file.get(), 0) != 0) return errno;  // leftover of a killed writer
  if (const int code = write_all(file.get(), bytes)) return code;
  if (::fsync(file.get()) != 0) return errno;
  return ::rename(part.c_str(), path.c_str()) == 0 ? 0 : errno;
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file(path, O_RDONLY);
  if (!file.is_open()) fail("cannot read", path, errno);
  std::string bytes;
  struct stat info {};
  if (::fstat(file.get(), &info) == 0 && info.st_size > 0) {
    bytes.reserve(std::min(static_cast<std::uint64_t>(info.st_size), max_bytes) + 1);
  }
  constexpr std::size_t kChunk = 1 << 20;
  while (true) {
    const std::size_t size = bytes.size();
    const std::size_t room = std::clamp(bytes.capacity() - size, std::size_t{4096}, kChunk);
    bytes.resize(size + room);
    const ssize_t got = ::read(file.get(), bytes.data() + size, room);
    const int code = errno;
    bytes.resize(size + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && code == EINTR) continue;
    if (got < 0) fail("cannot read", path, code);
    CLEW_CHECK(bytes.size() <= max_bytes, "cannot read '", path.string(), "': at most ", max_bytes,
               " bytes are allowed, got more");
    if (got == 0) return bytes;
  }
}

std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::string text = read_file(path, max_bytes);
  CLEW_CHECK(!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff"), path.string(),
             ": text must be UTF-8, got UTF-16");
  text.erase(0, text.size() - without_bom(text).size());
  return text;
}

void write_file_atomic(const std::filesystem::path& name, std::span<const std::byte> bytes) {
  if (is_written_through(name, bytes)) return;
  const auto path = end_of_links(name);
  const std::filesystem::path part = path.string() + ".part";
  while (true) {
    const Descriptor file(part, O_WRONLY | O_CREAT | O_NOFOLLOW);
    if (!file.is_open()) fail("cannot write", path, errno);
    lock(file.get());
    if (!is_same_file(file.get(), part)) continue;  // renamed by another writer meanwhile
    const int code = replace(file, bytes, part, path);
    if (code != 0) {
      ::unlink(part.c_str());
      fail("cannot write", path, code);
    }
    break;
  }
  // The rename is durable after fsync of its folder; file systems without that return EINVAL.
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  const Descriptor parent(folder, O_RDONLY | O_DIRECTORY);
  if (parent.is_open() && ::fsync(parent.get()) != 0 && errno != EINVAL) {
    fail("cannot sync the folder of", path, errno);
  }
}

void write_file_atomic(const std::filesystem::path& path, std::string_view text) {
  write_file_atomic(path, std::as_bytes(std::span(text)));
}

bool path_exists(const std::filesystem::path& path) {
  std::error_code code;
  const bool is_there = std::filesystem::exists(path, code);
  if (code) fail("cannot read", path, code.value());
  return is_there;
}

void make_folders(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (!code && !std::filesystem::is_directory(path, code) && !code) {
    code = std::make_error_code(std::errc::not_a_directory);
  }
  if (code) fail("cannot make folder", path, code.value());
}

PathLock::PathLock(const std::filesystem::path& path)
    : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)),
      is_taken_(file_ >= 0 && ::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {}

PathLock::~PathLock() {
  if (file_ >= 0) ::close(file_);
}

std::uint64_t hash64(std::span<const std::byte> bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}
std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  return hash64(std::as_bytes(std::span(text)), seed);
}

}  // namespace clew
