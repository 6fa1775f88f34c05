// SPDX-License-Identifier: Apache-2.0
// The one exception type of the library, and the two checks that throw it or stop a debug build.
#pragma once

#include <cassert>
#include <sstream>
#include <stdexcept>
#include <string>

namespace clew {

/// What a user, a file or a caller did wrong, in one sentence: what, wanted, got, where.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A wrong command line, recipe or override: the program exits with 2 instead of 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Joins its arguments as an ostream prints them.
template <class... Args>
std::string concat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

}  // namespace clew

/// For anything a user, file or caller can cause; always on. Throws clew::Error.
#define CLEW_CHECK(condition, ...)                      \
  do {                                                  \
    if (!(condition)) [[unlikely]]                      \
      throw ::clew::Error(::clew::concat(__VA_ARGS__)); \
  } while (false)

/// For our own mistakes; off in Release, free to use in hot loops.
#define CLEW_ASSERT(condition) assert(condition)
