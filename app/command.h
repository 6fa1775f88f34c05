// SPDX-License-Identifier: Apache-2.0
// Table of commands (the program's is in main.cpp), for help, dispatch, completion and tests.
#pragma once

#include <span>

namespace CLI {
class App;
}

namespace clew::app {

struct Command {
  const char* name;
  const char* help;  // one line, lower case, no full stop
  /// Adds arguments and the callback that runs the command; its exceptions become exit codes
  /// (program.h).
  void (*define)(CLI::App& command);
};

/// Defines every row as a subcommand of `parent`, which then requires one.
void add_commands(CLI::App& parent, std::span<const Command> commands);

void define_bench(CLI::App& command);
void define_compare(CLI::App& command);
void define_completion(CLI::App& command);
void define_data(CLI::App& command);
void define_data_convert(CLI::App& command);
void define_data_make(CLI::App& command);
void define_demo(CLI::App& command);
void define_eval(CLI::App& command);
void define_help(CLI::App& command);
void define_info(CLI::App& command);
void define_levels(CLI::App& command);
void define_export(CLI::App& command);
void define_predict(CLI::App& command);
void define_report(CLI::App& command);
void define_train(CLI::App& command);
void define_weights(CLI::App& command);

}  // namespace clew::app
