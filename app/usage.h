// SPDX-License-Identifier: Apache-2.0
// Command-line errors and help texts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace clew::app {

/// Command of `words`, as far as they name one; skips options. An unknown command: UsageError
/// naming the nearest.
const CLI::App& find_command(const CLI::App& root, const std::vector<std::string>& words);

/// Help, with its full name: "Usage: clew bench peak ...".
std::string help_of(const CLI::App& command);

/// CLI11's error as one sentence, with the nearest option and the help command.
std::string usage_text(const CLI::ParseError& error, const CLI::App& command);

/// A page of `option` that neither ends in .html nor is a device or pipe: UsageError.
void check_page(const std::string& option, const std::filesystem::path& page);

}  // namespace clew::app
