// SPDX-License-Identifier: Apache-2.0
#include "usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "command.h"

namespace clew::app {
namespace {

std::vector<const CLI::App*> commands_below(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::string> names_below(const CLI::App& command) {
  std::vector<std::string> names;
  for (const auto* sub : commands_below(command)) names.push_back(sub->get_name());
  return names;
}

std::string full_name(const CLI::App& command) {
  const auto* parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + ' ' + command.get_name();
}

/// "clew help bench peak"
std::string help_line(const CLI::App& command) {
  return "clew help" + full_name(command).substr(4);
}

std::vector<std::string> options_of(const CLI::App* command) {
  std::vector<std::string> names;
  for (; command != nullptr; command = command->get_parent()) {
    for (const auto* option : command->get_options()) {
      if (option->get_group().empty()) continue;  // hidden
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

/// Parses option values as config fields: 1e3 is 1000. Empty values, from unset shell variables,
/// are refused.
void check_words(CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::string name = option.get_name();
  if (type.starts_with("TEXT")) {
    option.check([name](const std::string& text) -> std::string {
      if (text.empty()) throw UsageError(name + " must not be empty");
      return "";
    });
  } else if (type.starts_with("INT") || type.starts_with("UINT")) {
    const auto whole = [name](std::string& text) -> std::string {
      double value = 0;
      const auto* end = text.data() + text.size();
      const auto read = std::from_chars(text.data(), end, value);
      if (text.empty() || read.ec != std::errc() || read.ptr != end || std::floor(value) != value)
        throw UsageError(concat(name, " must be a whole number, got '", text, "'"));
      if (std::abs(value) <= 0x1p53) text = std::to_string(static_cast<std::int64_t>(value));
      return "";
    };
    option.transform(CLI::Validator(whole, ""));
  }
}

/// Suggestion for an unknown option.
std::string meant_instead(const std::string& word, const CLI::App& command) {
  const auto equals = std::min(word.find('='), word.size());
  const std::string name = word.substr(0, equals);
  const auto option = did_you_mean(name, options_of(&command));
  const auto key = name.find_first_not_of('-');
  if (!option.empty() || key == std::string::npos ||
      command.get_option_no_throw("SETTINGS") == nullptr)
    return option;
  return concat("; a setting is written ", name.substr(key),
                equals < word.size() ? word.substr(equals) : "=VALUE");
}

}  // namespace

void add_commands(CLI::App& parent, std::span<const Command> commands) {
  parent.require_subcommand(1);
  for (const auto& command : commands) {
    auto* sub = parent.add_subcommand(command.name, command.help);
    sub->fallthrough();  // --verbose may be anywhere
    sub->footer("");
    command.define(*sub);
    for (auto* option : sub->get_options()) check_words(*option);
  }
}

const CLI::App& find_command(const CLI::App& root, const std::vector<std::string>& words) {
  const CLI::App* command = &root;
  for (const auto& word : words) {
    const auto below = commands_below(*command);
    if (below.empty()) break;
    if (word.starts_with('-')) continue;
    const CLI::App* next = nullptr;
    for (const auto* sub : below) {
      if (sub->get_name() == word) next = sub;
    }
    if (next == nullptr) {
      const std::string before = full_name(*command).substr(4);
      throw UsageError(concat("unknown command '", before.empty() ? "" : before.substr(1) + ' ',
                              word, "'", did_you_mean(word, names_below(*command)), " (see ",
                              help_line(*command), ")"));
    }
    command = next;
  }
  return *command;
}

std::string help_of(const CLI::App& command) {
  // App::help would explain the parsed command instead.
  std::string text =
      command.get_formatter()->make_help(&command, full_name(command), CLI::AppFormatMode::Normal);
  if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string usage_text(const CLI::ParseError& error, const CLI::App& command) {
  std::string text = error.what();
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  const auto extras = root->remaining(true);
  if (!extras.empty()) {
    const std::string& word = extras.front();
    const auto options = options_of(&command);
    if (std::ranges::count(options, word) != 0) {
      text = concat("option '", word, "' must come after '", command.get_name(), "'");
    } else if (word.starts_with('-')) {
      text = concat("unknown option '", word, "'", meant_instead(word, command));
    } else {
      text = concat("unexpected argument '", word, "'");
    }
  } else if (const auto names = names_below(command); !names.empty()) {
    text = concat(full_name(command), " needs one of: ", join(names));
  } else if (!text.empty() && text.size() > 1 &&
             std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return concat(text, " (see ", help_line(command), ")");
}

void check_page(const std::string& option, const std::filesystem::path& page) {
  if (page.extension() == ".html" || page.extension() == ".htm") return;
  if (path_exists(page) && !std::filesystem::is_regular_file(page)) return;
  throw UsageError(
      concat(option, " must name a file that ends in .html, got '", page.string(), "'"));
}

}  // namespace clew::app
