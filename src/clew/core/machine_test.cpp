// SPDX-License-Identifier: Apache-2.0
#include "clew/core/machine.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace clew {
namespace machine_test {

TEST(Machine, SaysWhatThisIs) {
  const Machine machine = this_machine();
  EXPECT_FALSE(machine.cpu.empty());
  EXPECT_GE(machine.has_avx512, machine.has_bf16_dot);
  EXPECT_GE(machine.usable_cores, 1);
  EXPECT_LE(machine.usable_cores, machine.cores);
  EXPECT_GT(machine.memory_gib, 0.1);
  EXPECT_NE(machine.compiler.find("++ "), std::string::npos);
}

TEST(Machine, CountsTheCoresOfTheAffinity) {
  int usable = 0;
  std::thread([&] {  // the affinity of a thread of its own, so that other tests keep theirs
    cpu_set_t set;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(set), &set), 0);
    int first = 0;
    while (!CPU_ISSET(first, &set)) ++first;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    ASSERT_EQ(::sched_setaffinity(0, sizeof(set), &set), 0);
    usable = this_machine().usable_cores;
  })
      .join();
  EXPECT_EQ(usable, 1);
}

}  // namespace machine_test
}  // namespace clew
