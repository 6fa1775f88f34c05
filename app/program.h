// SPDX-License-Identifier: Apache-2.0
// Command line in, exit code out: dispatch, help, and what every error becomes.
#pragma once

#include <span>

#include "command.h"

namespace clew::app {

/// 0 done, 1 clew::Error, LibTorch or the output failed, 2 a wrong command line or configuration, 3
/// a bug of ours. Results go to stdout, all else to stderr.
int run_program(std::span<const Command> commands, int argc, char** argv);

}  // namespace clew::app
