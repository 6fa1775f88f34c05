// SPDX-License-Identifier: Apache-2.0
// Version and build, filled in by cmake/revision.cmake at link time.
#pragma once

namespace clew::app {

extern const char* const kVersion;  // "0.1.0"
extern const char* const
    kRevision;  // "8b43d04c1f2a", "8b43d04c1f2a-dirty", "unknown" outside of git
extern const char* const kBuildType;  // "Release"

}  // namespace clew::app
