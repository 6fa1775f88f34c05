// SPDX-License-Identifier: Apache-2.0
#include "processes.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "clew/core/error.h"

namespace clew::app {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

}  // namespace

OtherProcesses::~OtherProcesses() {
  for (const int id : ids_) ::kill(id, SIGKILL);
  for (const int id : ids_) ::waitpid(id, nullptr, 0);
}

void OtherProcesses::start(const train::ProcessPlace& place, int port,
                           const std::vector<std::string>& words) {
  std::vector<std::string> arguments{"clew"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  int error = 0;
  for (int rank = 1; rank < place.size && error == 0; ++rank) {
    std::vector<std::string> variables{
        concat("RANK=", rank), concat("LOCAL_RANK=", rank), concat("WORLD_SIZE=", place.size),
        concat("MASTER_ADDR=", place.address), concat("MASTER_PORT=", port)};
    for (char** item = environ; *item != nullptr; ++item) variables.emplace_back(*item);
    int id = 0;
    error = ::posix_spawn(&id, "/proc/self/exe", &actions, nullptr, pointers(arguments).data(),
                          pointers(variables).data());
    if (error == 0) ids_.push_back(id);
  }
  posix_spawn_file_actions_destroy(&actions);
  CLEW_CHECK(error == 0, "cannot start another process of clew: ", std::strerror(error));
}

void OtherProcesses::check() {
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    int status = 0;
    if (::waitpid(ids_[i], &status, WNOHANG) != ids_[i]) continue;
    ids_.erase(ids_.begin() + static_cast<std::ptrdiff_t>(i));
    throw Error(concat(
        "another process of this training, which was started here, ended before all were there (",
        WIFSIGNALED(status) ? concat("signal ", WTERMSIG(status))
                            : concat("exit code ", WEXITSTATUS(status)),
        ")"));
  }
}

void OtherProcesses::wait() {
  for (const int id : std::exchange(ids_, {})) {
    int status = 0;
    ::waitpid(id, &status, 0);
    CLEW_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
               "another process of this training has failed");
  }
}

}  // namespace clew::app
