// SPDX-License-Identifier: Apache-2.0
// The files of levels/, embedded by CMake (cmake/ClewEmbed.cmake). Not part of the interface.
#pragma once

#include <span>

namespace clew::maze {

struct BuiltinLevel {
  const char* name;
  const char* text;
};

std::span<const BuiltinLevel> builtin_levels();

}  // namespace clew::maze
