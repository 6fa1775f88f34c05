// SPDX-License-Identifier: Apache-2.0
// What is wrong with a command line, in our words, and the help of a command.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace clew::app {

/// Finds the command that `words` name, as far as they do; options between them are skipped. A word
/// where a command must stand and which is none: UsageError naming the nearest.
const CLI::App& find_command(const CLI::App& root, const std::vector<std::string>& words);

/// Its help, headed by its full name: "Usage: clew bench peak ...".
std::string help_of(const CLI::App& command);

/// CLI11's complaint as one sentence of ours: the nearest option, and where to read on.
std::string usage_text(const CLI::ParseError& error, const CLI::App& command);

/// Refuses a page by `option` that neither ends in .html nor is a device or pipe: UsageError.
void check_page(const std::string& option, const std::filesystem::path& page);

}  // namespace clew::app
