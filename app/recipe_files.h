// SPDX-License-Identifier: Apache-2.0
// The files of recipes/, embedded by CMake (clew_embed).
#pragma once

#include <span>
#include <string_view>

namespace clew::app {

struct RecipeFile {
  std::string_view name;  // "navigate/tiny"
  std::string_view text;
};

/// By name.
std::span<const RecipeFile> recipe_files();

}  // namespace clew::app
