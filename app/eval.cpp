// SPDX-License-Identifier: Apache-2.0
// clew eval: how good the trained network of a run is, by the measures of its system.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "command.h"
#include "systems.h"

namespace clew::app {

void define_eval(CLI::App& command) {
  auto request = std::make_shared<EvalRequest>();
  command.add_option("RUN", request->run, "a run folder")->required();
  command.add_option("--episodes", request->episodes, "navigate: episodes for each player")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command.add_option("--seed", request->seed, "navigate: of the mazes and choices")
      ->capture_default_str();
  command.add_option("--threads", request->threads, "navigate: worker threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  command.add_option("--traces", request->traces, "navigate: episodes recorded for the report")
      ->capture_default_str()
      ->check(CLI::Range(0, 100));
  command.add_flag("--json", request->is_json, "print JSON");
  command.callback([request, &command] {
    const auto& system = system_of_run(request->run);
    for (const char* option : {"--episodes", "--seed", "--threads", "--traces"}) {
      const auto& known = system.eval_options;
      if (command.count(option) > 0 && std::find(known.begin(), known.end(), option) == known.end())
        throw UsageError(concat(option, " means nothing for ", request->run.string(),
                                ", which is a run of ", system.name));
    }
    const auto answer = system.eval(*request);
    std::cout << answer.text << std::flush;
    if (::access(request->run.c_str(), W_OK) != 0) {
      log(LogLevel::kWarning, concat("the report will not show this: cannot write '",
                                     request->run.string(), "': ", std::strerror(errno)));
      return;
    }
    answer.keep();
  });
}

}  // namespace clew::app
