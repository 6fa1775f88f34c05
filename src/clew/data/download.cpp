// SPDX-License-Identifier: Apache-2.0
#include "clew/data/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/http.h"
#include "clew/data/sha256.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLargest = std::int64_t{1} << 40;
constexpr int kAttempts = 4;  // consecutive ones without a byte
constexpr int kRestarts = 3;  // from the first byte

struct Description {
  std::string name, what, licence, origin;
  std::vector<std::string> mirrors, files, sha256;
  std::vector<std::int64_t> bytes;
  void fields(Fields& v) {
    v("name", name, {.help = "what it is called"});
    v("what", what, {.help = "one line about it"});
    v("licence", licence, {.help = "its terms"});
    v("origin", origin, {.help = "the page or paper that tells of it"});
    v("mirrors", mirrors, {.help = "addresses that file names are appended to"});
    v("files", files, {.help = "file names"});
    v("sha256", sha256, {.help = "the SHA-256 of each file"});
    v("bytes", bytes, {.min = 1, .max = kLargest, .help = "the size of each file"});
  }
};

/// True for file names that stay in the folder and do not change the URL.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name[0] != '.' && name.size() <= 200 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '.' || c == '-' || c == '_' || c == '+';
         });
}

bool is_sum(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

RemoteSet read_description(const std::string& path) {
  Description d;
  load(d, parse_toml(read_text(path, 1 << 20), path));
  const auto want = [&path](bool is_right, const std::string& text) {
    if (!is_right) throw UsageError(path + ": " + text);
  };
  want(!d.name.empty(), "name must not be empty");
  want(!d.mirrors.empty(), "mirrors must name at least one address");
  want(!d.files.empty(), "files must name at least one file");
  want(d.files.size() == d.sha256.size() && d.files.size() == d.bytes.size(),
       concat("files, sha256 and bytes must be equally many, got ", d.files.size(), ", ",
              d.sha256.size(), " and ", d.bytes.size()));
  for (const auto& mirror : d.mirrors) {
    want(mirror.starts_with("http://") || mirror.starts_with("https://"),
         concat("mirrors must begin with http:// or https://, got '", mirror, "'"));
  }
  RemoteSet set{d.name, d.what, d.licence, d.origin, d.mirrors, {}};
  for (std::size_t i = 0; i < d.files.size(); ++i) {
    want(is_plain_name(d.files[i]),
         concat("file names must be letters, digits, '.', '-', '_' and '+', got '", d.files[i],
                "'"));
    want(is_sum(d.sha256[i]),
         concat("sha256 must be 64 hexadecimal digits in lower case, got '", d.sha256[i], "'"));
    set.files.push_back({d.files[i], d.sha256[i], d.bytes[i]});
  }
  return set;
}

/// FILE.part, opened for appending and locked.
class PartFile {
 public:
  explicit PartFile(fs::path path) : path_(std::move(path)) {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file_ < 0) fail(errno);
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(file_);
      throw Error(concat("another download of '", path_.string(), "' is running"));
    }
    size_ = ::lseek(file_, 0, SEEK_END);
  }
  ~PartFile() { ::close(file_); }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  std::int64_t size() const { return size_; }
  void append(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(errno);
      size_ += written;
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }
  void clear() {
    if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0) fail(errno);
    size_ = 0;
  }
  void sync() {
    if (::fsync(file_) != 0) fail(errno);
  }

 private:
  [[noreturn]] void fail(int code) {
    throw Error(
        concat("cannot write '", path_.string(), "': ", std::generic_category().message(code)));
  }
  fs::path path_;
  int file_ = -1;
  std::int64_t size_ = 0;
};

enum class Got { kWhole, kRefused };

/// Fills `part` up to the file's size from one mirror. Throws errors that another mirror cannot
/// solve.
Got fill(PartFile& part, const RemoteFile& file, const std::string& url,
         const DownloadProgress& progress, std::string& complaint) {
  int attempts = 0, restarts = 0;
  while (part.size() < file.bytes) {
    const std::int64_t begin = part.size();
    bool is_too_long = false, knows_length = false;
    const FetchResult result =
        fetch(url, begin, [&](std::span<const std::uint8_t> bytes, std::int64_t total) {
          knows_length = knows_length || total > 0;
          is_too_long =
              is_too_long || static_cast<std::int64_t>(bytes.size()) > file.bytes - part.size();
          if (is_too_long) return false;
          part.append(bytes);
          return progress(file.name, part.size(), file.bytes);
        });
    if (is_too_long) {
      complaint = concat("it sends more than the ", file.bytes, " bytes that ", file.name, " has");
      part.clear();
      return Got::kRefused;
    }
    complaint = result.message;
    switch (result.end) {
      case FetchEnd::kStopped:
        throw Error(concat("stopped with ", part.size(), " of ", file.bytes, " bytes of ",
                           file.name, "; the same command goes on"));
      case FetchEnd::kRefused:
        return Got::kRefused;
      case FetchEnd::kNoRange:
        if (++restarts > kRestarts) return Got::kRefused;
        part.clear();
        break;
      case FetchEnd::kBeyond:
        complaint = concat("it ends before byte ", begin, ", wanted ", file.bytes, " bytes");
        part.clear();
        if (++restarts > kRestarts) return Got::kRefused;
        break;
      case FetchEnd::kDone:
        if (part.size() == file.bytes) break;
        complaint = concat("it has ", part.size(), " bytes, wanted ", file.bytes);
        if (!knows_length) break;  // maybe a lost connection: the length is unknown
        part.clear();
        return Got::kRefused;
      case FetchEnd::kBroken:
        break;
    }
    attempts = part.size() > begin ? 0 : attempts + 1;
    if (attempts >= kAttempts) return Got::kRefused;
  }
  return Got::kWhole;
}

void get_file(const RemoteSet& set, const RemoteFile& file, const fs::path& folder,
              const DownloadProgress& progress) {
  const fs::path path = folder / file.name, part_path = path.string() + ".part";
  std::error_code ignored;
  if (has_file(file, folder)) {
    progress(file.name, file.bytes, file.bytes);
    return;
  }
  std::string complaints;
  for (const auto& mirror : set.mirrors) {
    const std::string url = mirror + (mirror.ends_with("/") ? "" : "/") + file.name;
    PartFile part(part_path);
    if (part.size() > file.bytes) part.clear();
    for (const bool is_second : {false, true}) {
      const bool was_resumed = part.size() > 0;
      std::string complaint;
      if (fill(part, file, url, progress, complaint) == Got::kRefused) {
        complaints += (complaints.empty() ? "" : "; ") + url + ": " + complaint;
        break;
      }
      part.sync();
      const std::string sum = sha256_of_file(part_path);
      if (sum.starts_with(file.sha256)) {
        fs::rename(part_path, path, ignored);
        CLEW_CHECK(!ignored, "cannot write '", path.string(), "': ", ignored.message());
        return;
      }
      part.clear();
      // The partial file may be of another version: restart once.
      if (was_resumed && !is_second) continue;
      complaints += (complaints.empty() ? "" : "; ") + url + ": its SHA-256 is " + sum +
                    ", wanted " + file.sha256;
      break;
    }
    if (part.size() == 0) fs::remove(part_path, ignored);
  }
  const std::uint64_t kept = fs::exists(part_path, ignored) ? fs::file_size(part_path) : 0;
  throw Error(concat("cannot download ", file.name, ": ", complaints,
                     kept == 0 ? ""
                               : concat("; ", kept, " of ", file.bytes,
                                        " bytes are kept, the same command goes on")));
}

}  // namespace

const std::vector<RemoteSet>& remote_sets() {
  static const std::vector<RemoteSet> kSets = {
      {.name = "mnist",
       .what = "handwritten digits, 60,000 to learn from and 10,000 to test with, 28x28 grey",
       .licence = "free to use; credit Y. LeCun, C. Cortes, C. Burges",
       .origin = "http://yann.lecun.com/exdb/mnist",
       .mirrors = {"https://ossci-datasets.s3.amazonaws.com/mnist/",
                   "https://storage.googleapis.com/cvdf-datasets/mnist/"},
       .files = {{"train-images-idx3-ubyte.gz",
                  "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9912422},
                 {"train-labels-idx1-ubyte.gz",
                  "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28881},
                 {"t10k-images-idx3-ubyte.gz",
                  "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1648877},
                 {"t10k-labels-idx1-ubyte.gz",
                  "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4542}}},
  };
  return kSets;
}

RemoteSet find_remote_set(const std::string& name_or_file) {
  std::vector<std::string> names;
  for (const auto& set : remote_sets()) {
    if (set.name == name_or_file) return set;
    names.push_back(set.name);
  }
  if (name_or_file.ends_with(".toml")) return read_description(name_or_file);
  throw UsageError(concat("no data set '", name_or_file,
                          "' can be downloaded; `clew data list` names those, a .toml file can "
                          "describe another",
                          did_you_mean(name_or_file, names)));
}

bool has_file(const RemoteFile& file, const fs::path& folder) {
  const auto path = folder / file.name;
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return false;
  const std::string sum = sha256_of_file(path);
  CLEW_CHECK(sum.starts_with(file.sha256), "'", path.string(), "' is there, but its SHA-256 is ",
             sum, ", wanted ", file.sha256, "; delete it to download it again");
  return true;
}

bool can_download() { return has_http(); }

void download(const RemoteSet& set, const fs::path& folder, const DownloadProgress& progress) {
  CLEW_CHECK(!set.mirrors.empty() && !set.files.empty(),
             "a data set to download needs at least "
             "one mirror and one file");
  make_folders(folder);
  for (const auto& file : set.files) get_file(set, file, folder, progress);
}

}  // namespace clew::data
