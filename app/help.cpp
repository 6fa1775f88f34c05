// SPDX-License-Identifier: Apache-2.0
// clew help [COMMAND ...], clew help train RECIPE
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "command.h"
#include "recipes.h"
#include "systems.h"
#include "usage.h"

namespace clew::app {
namespace {

/// All keys of a recipe, with its values as defaults.
std::string help_of_recipe(const std::string& name) {
  const auto recipe = find_recipe(name);
  const auto& system = system_of(recipe.tree);
  return concat("Recipe ", name, ", of the system ", system.name, ". Its settings, to replace as ",
                "`clew train ", name, " KEY=VALUE`:\n", system.settings(recipe.tree));
}

}  // namespace

void define_help(CLI::App& command) {
  auto words = std::make_shared<std::vector<std::string>>();
  command.add_option("COMMAND", *words,
                     "for example: clew help bench peak, or clew help train RECIPE");
  command.callback([words, &command] {
    if (words->size() == 2 && words->front() == "train") {
      std::cout << help_of_recipe(words->back());
    } else {
      std::cout << help_of(find_command(*command.get_parent(), *words));
    }
  });
}

}  // namespace clew::app
