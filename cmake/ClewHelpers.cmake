# SPDX-License-Identifier: Apache-2.0
# clew_target: the settings every target of ours shares. clew_tests: one GoogleTest program with a label.

function(clew_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # Fused multiply-add would make the same source give other bytes on other machines.
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers -ffp-contract=off)
  if(CLEW_DEVELOPER_MODE)
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
  if(ARG_EACH_CASE OR CLEW_TEST_EACH_CASE)
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${label} TIMEOUT 600)
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 1200)
  endif()
endfunction()
