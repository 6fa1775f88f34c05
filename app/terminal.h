// SPDX-License-Identifier: Apache-2.0
// Where the library's log goes in the program: stderr, through spdlog.
#pragma once

namespace clew::app {

/// Sends info and warnings, and with `is_verbose` debug lines, to stderr.
void start_logging(bool is_verbose);

}  // namespace clew::app
