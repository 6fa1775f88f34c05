// SPDX-License-Identifier: Apache-2.0
// Command line to exit code: dispatch, help, error reporting.
#pragma once

#include <span>

#include "command.h"

namespace clew::app {

/// Exit codes: 0 success, 1 clew::Error, LibTorch or output failed, 2 invalid command line or
/// configuration, 3 internal error. Results go to stdout, all else to stderr.
int run_program(std::span<const Command> commands, int argc, char** argv);

}  // namespace clew::app
