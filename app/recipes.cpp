// SPDX-License-Identifier: Apache-2.0
#include "recipes.h"

#include <filesystem>
#include <string_view>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "recipe_files.h"

namespace clew::app {
namespace {

struct BuiltinRecipe {
  const char* name;
  std::string_view text;
};
const BuiltinRecipe kRecipes[] = {
    {"navigate/tiny", kTiny},
    {"navigate/static_small", kStaticSmall},
    {"navigate/static_large", kStaticLarge},
    {"navigate/goal_small", kGoalSmall},
    {"navigate/goal_large", kGoalLarge},
    {"navigate/random_small", kRandomSmall},
    {"navigate/random_large", kRandomLarge},
    {"navigate/i_maze", kIMaze},
};

constexpr std::uint64_t kRecipeMax = 1 << 20;

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (const auto& recipe : kRecipes) names.emplace_back(recipe.name);
  return names;
}

Recipe find_recipe(const std::string& name_or_file) {
  for (const auto& recipe : kRecipes) {
    if (name_or_file == recipe.name) {
      return {name_or_file, parse_toml(recipe.text, concat("recipes/", recipe.name, ".toml"))};
    }
  }
  if (!name_or_file.ends_with(".toml")) {
    throw UsageError(concat("unknown recipe '", name_or_file, "'",
                            did_you_mean(name_or_file, recipe_names()),
                            "; `clew help train` lists them, and a file must end in .toml"));
  }
  return {std::filesystem::path(name_or_file).stem().string(),
          parse_toml(read_file(name_or_file, kRecipeMax), name_or_file)};
}

}  // namespace clew::app
