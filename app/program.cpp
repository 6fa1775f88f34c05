// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <c10/util/Exception.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "blas.h"
#include "build_info.h"
#include "clew/core/error.h"
#include "terminal.h"
#include "usage.h"

namespace clew::app {
namespace {

enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kBug = 3 };

int complain(ExitCode code, const std::string& text) {
  std::cout.flush();
  say("error: " + text);
  return code;
}

int parse(CLI::App& root, int argc, char** argv) {
  const CLI::App& command = find_command(root, {argv + 1, argv + argc});
  try {
    if (argc == 1) throw CLI::CallForHelp();
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << help_of(command);
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << '\n';
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();  // already reported
  } catch (const CLI::ParseError& error) {
    return complain(kUsage, usage_text(error, command));
  }
  close_results();
  return kDone;
}

}  // namespace

int run_program(std::span<const Command> commands, int argc, char** argv) {
  const Streams streams;
  limit_blas_threads();
  bool is_verbose = false;
  try {
    CLI::App root("Clew: end-to-end learning from pixels, of ways through mazes and of pictures",
                  "clew");
    root.fallthrough();
    root.set_help_flag("-h,--help", "print this");
    root.set_version_flag("--version", concat("clew ", kVersion, " (", kRevision, ")"),
                          "print the version");
    root.add_flag("--verbose", is_verbose,
                  "log more, and show all that LibTorch says about an error");
    root.parse_complete_callback([&] { start_logging(is_verbose); });
    root.footer("clew help COMMAND explains one of them.");
    add_commands(root, commands);
    return parse(root, argc, argv);
  } catch (const UsageError& error) {
    return complain(kUsage, error.what());
  } catch (const Error& error) {
    return complain(kFailed, error.what());
  } catch (const c10::Error& error) {
    return complain(kFailed, is_verbose ? error.what() : error.what_without_backtrace());
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(kFailed,
                    concat("cannot use '", error.path1().string(), "': ", error.code().message()));
  } catch (const std::bad_alloc&) {
    return complain(kFailed, "out of memory");
  } catch (const std::exception& error) {
    return complain(kBug, concat("this is a bug in clew, please report it: ", error.what()));
  } catch (...) {
    return complain(kBug, "this is a bug in clew, please report it: an unknown exception");
  }
}

}  // namespace clew::app
