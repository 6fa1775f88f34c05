// SPDX-License-Identifier: Apache-2.0
#include "clew/data/staging.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "clew/core/error.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

bool is_missing(const fs::path& folder) {
  std::error_code ignored;
  return !fs::exists(folder, ignored);
}

fs::path made_staging(const fs::path& folder) {
  fs::path path = folder / ".making";
  make_folders(path);
  return path;
}

}  // namespace

StagingFolder::StagingFolder(const fs::path& folder, std::function<void()> refuse)
    : folder_(folder),
      refuse_(std::move(refuse)),
      is_new_(is_missing(folder)),
      path_(made_staging(folder)),
      lock_(path_) {
  CLEW_CHECK(!lock_.is_taken(), "another process is making a data set in '", folder.string(), "'");
  refuse_();  // another process may just have finished
  std::error_code code;
  for (const auto& path : entries(code)) {
    if (!code) fs::remove_all(path, code);
  }
  CLEW_CHECK(!code, "cannot empty '", path_.string(), "': ", code.message());
}

StagingFolder::~StagingFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  if (is_new_) fs::remove(folder_, ignored);  // only if empty
}

void StagingFolder::write(const fs::path& name, std::span<const std::uint8_t> bytes) const {
  const fs::path path = path_ / name;
  make_folders(path.parent_path());
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  int code = file == nullptr ? errno : 0;
  if (file != nullptr) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) code = errno;
    if (std::fclose(file) != 0 && code == 0) code = errno;
  }
  CLEW_CHECK(code == 0, "cannot write '", path.string(), "': ", std::strerror(code));
}

void StagingFolder::write(const fs::path& name, std::string_view text) const {
  write(name, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void StagingFolder::deliver() const {
  refuse_();
  // One syncfs instead of an fsync for each of thousands of files.
  if (const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    const int code = ::syncfs(folder) == 0 ? 0 : errno;
    ::close(folder);
    CLEW_CHECK(code == 0, "cannot write '", path_.string(), "': ", std::strerror(code));
  }
  std::error_code code, ignored;
  std::vector<fs::path> placed;
  for (const auto& path : entries(code)) {
    if (code) break;
    const fs::path place = folder_ / path.filename();
    fs::rename(path, place, code);
    if (!code) placed.push_back(place);
  }
  if (!code) return;
  for (const auto& path : placed) fs::remove_all(path, ignored);
  throw Error(concat("cannot write the files of '", folder_.string(), "': ", code.message()));
}

std::vector<fs::path> StagingFolder::entries(std::error_code& code) const {
  std::vector<fs::path> paths;
  for (fs::directory_iterator item(path_, code), end; !code && item != end; item.increment(code))
    paths.push_back(item->path());
  return paths;
}

}  // namespace clew::data
