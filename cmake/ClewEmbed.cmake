# SPDX-License-Identifier: Apache-2.0
# clew_embed(target NAMESPACE ns HEADER header FILES constant=file...): compiles text files into a target, each as a
# std::string_view constant that `header` declares. With TABLE function TYPE type, the files are name=file instead, and
# `header` declares type (a name, a text) and std::span<const type> function(). Run as a script (-P), it writes the source.
if(CMAKE_SCRIPT_MODE_FILE)
  set(text "// Made by ClewEmbed.cmake from the files named below; edit those.\n#include \"${HEADER}\"\n\nnamespace ${NAMESPACE} {\n")
  if(TABLE)
    string(APPEND text "std::span<const ${TYPE}> ${TABLE}() {\n  static constexpr ${TYPE} kFiles[] = {\n")
  endif()
  foreach(pair IN LISTS FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" unused "${pair}")
    set(constant ${CMAKE_MATCH_1})
    set(path ${CMAKE_MATCH_2})
    file(READ "${path}" content)
    string(FIND "${content}" ")clew\"" closing)
    if(NOT closing EQUAL -1)
      message(FATAL_ERROR "${path} contains )clew\", which ends the string it becomes")
    endif()
    get_filename_component(name "${path}" NAME)
    if(TABLE)
      string(APPEND text "    {\"${constant}\", R\"clew(${content})clew\"},\n")
    else()
      string(APPEND text "// ${name}\nconst std::string_view ${constant} = R\"clew(${content})clew\";\n")
    endif()
  endforeach()
  if(TABLE)
    string(APPEND text "  };\n  return kFiles;\n}\n")
  endif()
  string(APPEND text "}  // namespace ${NAMESPACE}\n")
  file(WRITE "${OUT}" "${text}")
  return()
endif()

set(CLEW_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(clew_embed target)
  cmake_parse_arguments(ARG "" "NAMESPACE;HEADER;TABLE;TYPE" "FILES" ${ARGN})
  set(pairs)
  set(paths)
  foreach(pair IN LISTS ARG_FILES)
    string(REGEX MATCH "^([^=]+)=(.*)$" unused "${pair}")
    list(APPEND pairs "${CMAKE_MATCH_1}=${CMAKE_CURRENT_SOURCE_DIR}/${CMAKE_MATCH_2}")
    list(APPEND paths "${CMAKE_CURRENT_SOURCE_DIR}/${CMAKE_MATCH_2}")
  endforeach()
  get_filename_component(stem "${ARG_HEADER}" NAME_WE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${stem}.cpp)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} "-DFILES=${pairs}" -DNAMESPACE=${ARG_NAMESPACE} -DHEADER=${ARG_HEADER} -DOUT=${out}
            -DTABLE=${ARG_TABLE} -DTYPE=${ARG_TYPE}
            -P ${CLEW_EMBED_SCRIPT}
    DEPENDS ${paths} ${CLEW_EMBED_SCRIPT}
    COMMENT "Embedding ${stem}"
    VERBATIM)
  # The target may belong to a folder above, which does not see this folder's custom commands.
  add_custom_target(${target}_${stem} DEPENDS ${out})
  add_dependencies(${target} ${target}_${stem})
  target_sources(${target} PRIVATE ${out})
endfunction()
