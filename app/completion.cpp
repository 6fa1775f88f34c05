// SPDX-License-Identifier: Apache-2.0
// clew completion bash|zsh|fish: scripts generated from the defined commands and options.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/names.h"
#include "clew/core/text.h"
#include "command.h"

namespace clew::app {
namespace {

enum class Shell : std::uint8_t { kBash, kZsh, kFish };
constexpr auto names(Shell) {
  return std::to_array<Named<Shell>>(
      {{Shell::kBash, "bash"}, {Shell::kZsh, "zsh"}, {Shell::kFish, "fish"}});
}

struct Word {
  std::string text, help;
};

/// Possible next words: subcommands, then options, with their help.
std::vector<Word> words_after(const CLI::App& command) {
  std::vector<Word> words;
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back({sub->get_name(), sub->get_description()});
  }
  for (const auto* option : command.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    for (const auto& name : option->get_lnames())
      words.push_back({"--" + name, option->get_description()});
  }
  return words;
}

/// Single-quoted for sh and fish; quotes and backslashes are replaced.
std::string quoted(std::string text) {
  std::erase_if(text, [](char c) { return c == '\'' || c == '\\'; });
  return '\'' + text + '\'';
}

std::string joined(const std::vector<Word>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : " ") + word.text;
  return out;
}

/// Calls visit("bench peak", app) for the program ("") and every subcommand.
template <class F>
void walk(const CLI::App& command, const std::string& path, F&& visit) {
  visit(path, command);
  for (const auto* sub : command.get_subcommands([](const CLI::App*) { return true; })) {
    walk(*sub, path.empty() ? sub->get_name() : path + ' ' + sub->get_name(), visit);
  }
}

void print_bash(const CLI::App& root, std::ostream& out) {
  out << "# bash completion for clew: source <(clew completion bash)\n"
         "_clew() {\n"
         "  local path= word words= i\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    word=${COMP_WORDS[i]}\n"
         "    case \"${path:+$path }$word\" in\n";
  walk(root, "", [&](const std::string& path, const CLI::App&) {
    if (!path.empty()) out << "      " << quoted(path) << ") path=" << quoted(path) << " ;;\n";
  });
  out << "    esac\n"
         "  done\n"
         "  case \"$path\" in\n";
  walk(root, "", [&](const std::string& path, const CLI::App& command) {
    out << "    " << quoted(path) << ") words=" << quoted(joined(words_after(command))) << " ;;\n";
  });
  out << "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -o default -F _clew clew ./clew\n";
}

void print_zsh(const CLI::App& root, std::ostream& out) {
  out << "#compdef clew\n"
         "# zsh completion for clew: clew completion zsh > \"${fpath[1]}/_clew\"\n"
         "_clew() {\n"
         "  local path_= word i\n"
         "  local -a words_\n"
         "  for ((i = 2; i < CURRENT; ++i)); do\n"
         "    word=${words[i]}\n"
         "    case \"${path_:+$path_ }$word\" in\n";
  walk(root, "", [&](const std::string& path, const CLI::App&) {
    if (!path.empty()) out << "      " << quoted(path) << ") path_=" << quoted(path) << " ;;\n";
  });
  out << "    esac\n"
         "  done\n"
         "  case \"$path_\" in\n";
  walk(root, "", [&](const std::string& path, const CLI::App& command) {
    out << "    " << quoted(path) << ") words_=(";
    for (const auto& word : words_after(command)) {
      std::string help = word.help;
      std::ranges::replace(help, ':', ',');  // a colon ends the word
      out << "\n      " << quoted(word.text + ':' + help);
    }
    out << ") ;;\n";
  });
  out << "  esac\n"
         "  _describe 'clew' words_\n"
         "  _files\n"
         "}\n"
         "compdef _clew clew\n";
}

void print_fish(const CLI::App& root, std::ostream& out) {
  out << "# fish completion for clew: clew completion fish | source\n";
  walk(root, "", [&](const std::string& path, const CLI::App& command) {
    std::string condition;
    if (path.empty()) {
      condition = "__fish_use_subcommand";
    } else {
      condition = "__fish_seen_subcommand_from " + path.substr(0, path.find(' '));
      if (const auto space = path.rfind(' '); space != std::string::npos) {
        condition += "; and __fish_seen_subcommand_from " + path.substr(space + 1);
      }
    }
    for (const auto& word : words_after(command)) {
      const bool is_option = word.text.starts_with("--");
      out << "complete -c clew -n " << quoted(condition) << (is_option ? " -l " : " -f -a ")
          << (is_option ? word.text.substr(2) : word.text) << " -d " << quoted(word.help) << '\n';
    }
  });
}

}  // namespace

void define_completion(CLI::App& command) {
  auto shell = std::make_shared<std::string>();
  command.add_option("SHELL", *shell, join(names_of<Shell>()))->required();
  command.callback([shell, &command] {
    const CLI::App& root = *command.get_parent();
    switch (parse_named<Shell>("shell", *shell)) {
      case Shell::kBash:
        return print_bash(root, std::cout);
      case Shell::kZsh:
        return print_zsh(root, std::cout);
      case Shell::kFish:
        return print_fish(root, std::cout);
    }
  });
}

}  // namespace clew::app
