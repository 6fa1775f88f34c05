# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=file.cpp -DFILES=a.toml,b.toml -P ClewEmbed.cmake: writes the texts of levels as a C++ source.
string(REPLACE "," ";" FILES "${FILES}")
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  string(APPEND entries "    {\"${name}\", R\"toml(${text})toml\"},\n")
endforeach()
file(WRITE "${OUT}" "// Made by cmake/ClewEmbed.cmake from the files of levels/; edit those.
#include \"clew/maze/builtin_levels.h\"

namespace clew::maze {

std::span<const BuiltinLevel> builtin_levels() {
  static constexpr BuiltinLevel kLevels[] = {
${entries}  };
  return kLevels;
}

}  // namespace clew::maze
")
