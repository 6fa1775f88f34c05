// SPDX-License-Identifier: Apache-2.0
#include "clew/train/own_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace clew::train {
namespace own_address_test {

TEST(OwnAddress, IsThatOfTheWay) {
  EXPECT_EQ(own_address_towards("127.0.0.1"), "127.0.0.1");
  // Towards an address of its own a machine has just that one.
  ifaddrs* all = nullptr;
  ASSERT_EQ(::getifaddrs(&all), 0);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET ||
        (one->ifa_flags & IFF_UP) == 0)
      continue;
    char digits[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    ASSERT_NE(::inet_ntop(AF_INET, &address->sin_addr, digits, sizeof digits), nullptr);
    EXPECT_EQ(own_address_towards(digits), digits) << one->ifa_name;
  }
  ::freeifaddrs(all);
}

TEST(OwnAddress, NoWay) {
  EXPECT_EQ(own_address_towards("no such host"), "");
  EXPECT_EQ(own_address_towards("255.255.255.255"), "");  // broadcasts are not allowed unasked
}

}  // namespace own_address_test
}  // namespace clew::train
