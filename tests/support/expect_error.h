// SPDX-License-Identifier: Apache-2.0
// For tests: calls that are refused with one sentence. Not installed.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "clew/core/error.h"

namespace clew {

/// What `call` says when it throws a Wanted, and "no error" when it throws nothing.
template <class Wanted = Error>
std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Wanted& error) {
    return error.what();
  }
  return "no error";
}

/// `call` must throw a Wanted that says `message`, to the letter.
template <class Wanted = Error>
void expect_error(const std::function<void()>& call, const std::string& message) {
  try {
    call();
    ADD_FAILURE() << "no error; wanted: " << message;
  } catch (const Wanted& error) {
    EXPECT_EQ(std::string(error.what()), message);
  }
}

}  // namespace clew
