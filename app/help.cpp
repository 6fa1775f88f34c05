// SPDX-License-Identifier: Apache-2.0
// clew help [COMMAND ...]
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "command.h"
#include "usage.h"

namespace clew::app {

void define_help(CLI::App& command) {
  auto words = std::make_shared<std::vector<std::string>>();
  command.add_option("COMMAND", *words, "for example: clew help bench peak");
  command.callback(
      [words, &command] { std::cout << help_of(find_command(*command.get_parent(), *words)); });
}

}  // namespace clew::app
