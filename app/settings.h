// SPDX-License-Identifier: Apache-2.0
// Shared by commands: key=value arguments from the fields of a struct; JSON output.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"

namespace clew::app {

/// JSON text in ASCII, for any bytes in file names.
template <class Json>
std::string json_text(const Json& json) {
  return json.dump(2, ' ', true, Json::error_handler_t::replace) + '\n';
}

using SettingArguments = std::vector<std::string>;

/// Adds "SETTINGS", KEY=VALUE arguments, to a command; the result is filled before its callback.
inline std::shared_ptr<const SettingArguments> add_words(CLI::App& command) {
  auto words = std::make_shared<SettingArguments>();
  command.add_option("SETTINGS", *words, "settings, see below")->type_name("KEY=VALUE");
  return words;
}

/// The struct's defaults with overrides. Invalid key or value: UsageError.
template <class C>
C settings_of(const SettingArguments& words) {
  C settings;
  ConfigTree tree;
  for (const auto& word : words) apply_override(tree, word);
  load(settings, tree);
  return settings;
}

/// Adds "SETTINGS", KEY=VALUE arguments, to a command, and the table of keys to its help. The
/// result, to be called in the command's callback, gives the struct with overrides. Invalid key or
/// value: UsageError.
template <class C>
std::function<C()> add_settings(CLI::App& command) {
  const auto words = add_words(command);
  command.footer("Settings:\n" + help_text(C{}));
  return [words] { return settings_of<C>(*words); };
}

}  // namespace clew::app
