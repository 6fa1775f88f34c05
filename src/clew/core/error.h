// SPDX-License-Identifier: Apache-2.0
// The library's exception type, and its check and assert macros.
#pragma once

#include <cassert>
#include <sstream>
#include <stdexcept>
#include <string>

namespace clew {

/// An error of a user, file or caller, in one sentence: what, wanted, got, where.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An invalid command line, recipe or override: exit status 2 instead of 1.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Concatenation of arguments, formatted as by an ostream.
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
