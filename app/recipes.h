// SPDX-License-Identifier: Apache-2.0
// Built-in recipes, and recipes by path.
#pragma once

#include <string>
#include <vector>

#include "clew/core/config.h"

namespace clew::app {

/// "navigate/static_small" and so on, in the order of `clew help train`.
std::vector<std::string> recipe_names();

/// A recipe by name, or a .toml file, to which its paths may be relative. Unknown: UsageError with
/// the nearest name.
struct Recipe {
  std::string name;  // of the folder below runs/: the recipe's, or the file's stem
  ConfigTree tree;
};
Recipe find_recipe(const std::string& name_or_file);

}  // namespace clew::app
