# SPDX-License-Identifier: Apache-2.0
# Run at build time: writes OUTPUT with the revision of SOURCE_DIR, and only when it differs.
# cmake -DSOURCE_DIR=... -DOUTPUT=... -DVERSION=... -DBUILD_TYPE=... -P revision.cmake
set(revision "")
find_program(GIT git)
if(GIT)
  # Only a repository of ours: a copy without .git inside somebody else's repository has no revision.
  execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} rev-parse --show-cdup
    OUTPUT_VARIABLE up OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(status EQUAL 0 AND up STREQUAL "")
    execute_process(COMMAND ${GIT} -C ${SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
      OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  endif()
endif()
if(revision STREQUAL "")
  set(revision "unknown")
endif()
set(text "// SPDX-License-Identifier: Apache-2.0
// Written by cmake/revision.cmake.
#include \"build_info.h\"

namespace clew::app {
const char* const kVersion = \"${VERSION}\";
const char* const kRevision = \"${revision}\";
const char* const kBuildType = \"${BUILD_TYPE}\";
}  // namespace clew::app
")
set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT text STREQUAL before)
  file(WRITE ${OUTPUT} "${text}")
endif()
