// SPDX-License-Identifier: Apache-2.0
#include "clew/core/cache.h"

#include <gtest/gtest.h>
#include <stdlib.h>  // setenv

namespace clew {
namespace cache_test {

TEST(CacheFolder, IsThatOfThePlatformsConvention) {
  ::setenv("XDG_CACHE_HOME", "/some/where", 1);
  ::setenv("HOME", "/home/ariadne", 1);
  EXPECT_EQ(cache_folder(), "/some/where/clew");
  ::setenv("XDG_CACHE_HOME", "relative", 1);  // to be ignored, says the convention
  EXPECT_EQ(cache_folder(), "/home/ariadne/.cache/clew");
  ::unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(cache_folder(), "/home/ariadne/.cache/clew");
  ::unsetenv("HOME");
  EXPECT_EQ(cache_folder(), "");
}

}  // namespace cache_test
}  // namespace clew
