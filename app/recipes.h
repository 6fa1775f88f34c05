// SPDX-License-Identifier: Apache-2.0
// The recipes of recipes/, compiled in, and how the program finds one by name or path.
#pragma once

#include <string>
#include <vector>

#include "clew/core/config.h"

namespace clew::app {

/// "navigate/static_small" and so on, in the order of `clew help train`.
std::vector<std::string> recipe_names();

/// A recipe by name, or a file whose name ends in .toml, beside which its paths may stand. Unknown: UsageError with the nearest name.
struct Recipe {
  std::string name;  // of the folder under runs/: the recipe's, or the file's without its ending
  ConfigTree tree;
};
Recipe find_recipe(const std::string& name_or_file);

}  // namespace clew::app
