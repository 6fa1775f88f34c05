// SPDX-License-Identifier: Apache-2.0
#include "recipes.h"

#include <filesystem>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "recipe_files.h"

namespace clew::app {
namespace {

constexpr std::uint64_t kRecipeMax = 1 << 20;

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const auto& recipe : recipe_files()) names.emplace_back(recipe.name);
  return names;
}

Recipe find_recipe(const std::string& name_or_file) {
  for (const auto& recipe : recipe_files()) {
    if (name_or_file == recipe.name) {
      return {name_or_file, parse_toml(recipe.text, concat("recipes/", recipe.name, ".toml"))};
    }
  }
  if (!name_or_file.ends_with(".toml")) {
    throw UsageError(concat("unknown recipe '", name_or_file, "'",
                            did_you_mean(name_or_file, recipe_names()),
                            "; `clew help train` lists them, and a file must end in .toml"));
  }
  const std::filesystem::path path(name_or_file);
  Recipe recipe{path.stem().string(), parse_toml(read_text(path, kRecipeMax), name_or_file)};
  for (auto& entry : recipe.tree.entries) entry.folder = path.parent_path().string();
  return recipe;
}

}  // namespace clew::app
