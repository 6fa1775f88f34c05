# SPDX-License-Identifier: Apache-2.0
# clew_target: the settings every target of ours shares. clew_tests: one GoogleTest program with a label.

function(clew_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # Fused multiply-add would make the same source give other bytes on other machines.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -ffp-contract=off)
  if(CLEW_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CLEW_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
  if(CLEW_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CLEW_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${CLEW_SANITIZE})
  endif()
  if(CLEW_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# clew_unity(TARGET): the sources of a folder are compiled as one file, so that they share one parse of LibTorch, which
# costs more than all else in them. Apart stay: sources compiled once for each instruction set, those with options of
# their own, and generated ones.
function(clew_unity target)
  if(NOT CLEW_UNITY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  get_target_property(sources ${target} SOURCES)
  get_target_property(folder ${target} SOURCE_DIR)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder} NORMALIZE OUTPUT_VARIABLE file)
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR ${file} is_generated)
    if(is_generated OR NOT file MATCHES "\\.cpp$" OR NOT EXISTS ${file})
      continue()
    endif()
    file(STRINGS ${file} own_targets REGEX "HWY_BEFORE_NAMESPACE|HWY_PUSH_ATTRIBUTES" LIMIT_COUNT 1)
    if(own_targets)
      continue()
    endif()
    cmake_path(GET file PARENT_PATH group)
    cmake_path(RELATIVE_PATH group BASE_DIRECTORY ${PROJECT_SOURCE_DIR})
    string(MAKE_C_IDENTIFIER "${group}" group)
    set_source_files_properties(${source} TARGET_DIRECTORY ${target} PROPERTIES UNITY_GROUP ${group})
  endforeach()
endfunction()

option(CLEW_TEST_EACH_CASE "each case of each test program is a test of ctest, so that ctest -R finds it; slower" OFF)

# clew_tests(NAME label [EACH_CASE] LIBS target... SOURCES file...)
# The program is one test of ctest, because every start of LibTorch takes 0.2 s; with EACH_CASE, for few and long cases,
# each case is one. tests/ctest_cases.awk counts cases either way.
function(clew_tests name label)
  cmake_parse_arguments(ARG "EACH_CASE" "" "LIBS;SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  clew_target(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})  # tests/support
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest_main)
  clew_unity(${name})
  if(ARG_EACH_CASE OR CLEW_TEST_EACH_CASE)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${label} TIMEOUT 600)
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 1200)
  endif()
endfunction()
