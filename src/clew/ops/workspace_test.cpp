// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/workspace.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "clew/core/error.h"

namespace clew::ops {
namespace workspace_test {

TEST(Workspace, GivesABlockAgainOnceItIsFree) {
  Workspace workspace;
  Buffer first = workspace.take(1000);
  std::byte* const address = first.get();
  const Buffer second = workspace.take(1000);
  EXPECT_NE(second.get(), address);
  const std::size_t held = workspace.bytes();
  first.reset();
  EXPECT_EQ(workspace.take(1020).get(), address);
  EXPECT_EQ(workspace.bytes(), held);
}

TEST(Workspace, BlocksAreAlignedAndWritable) {
  const Workspace workspace;
  for (const std::size_t bytes : {1, 64, 65, 100, 5000, 3 << 20}) {
    const Buffer buffer = workspace.take(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.get()) % 64, 0U);
    std::memset(buffer.get(), 1, bytes);
  }
}

TEST(Workspace, ABufferOutlivesItsWorkspaceAndCopiesShareThePool) {
  Buffer buffer;
  {
    const Workspace workspace;
    const Workspace copy = workspace;
    buffer = copy.take(256);
    EXPECT_EQ(workspace.bytes(), copy.bytes());
  }
  std::memset(buffer.get(), 1, 256);
}

TEST(Workspace, RefusesNoBytes) {
  try {
    Workspace().take(0);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a buffer must have at least 1 byte, got 0 (workspace)");
  }
}

}  // namespace workspace_test
}  // namespace clew::ops
