// SPDX-License-Identifier: Apache-2.0
#include "clew/train/own_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace clew::train {
namespace {

std::string own_address_towards(const addrinfo& other) {
  const int file = ::socket(other.ai_family, other.ai_socktype | SOCK_CLOEXEC, other.ai_protocol);
  if (file < 0) return "";
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  auto* address = reinterpret_cast<sockaddr*>(&own);
  char digits[NI_MAXHOST] = {};
  // connect() of a datagram socket sends nothing: it chooses the route.
  const bool is_good =
      ::connect(file, other.ai_addr, other.ai_addrlen) == 0 &&
      ::getsockname(file, address, &length) == 0 &&
      ::getnameinfo(address, length, digits, sizeof digits, nullptr, 0, NI_NUMERICHOST) == 0;
  ::close(file);
  return is_good ? digits : "";
}

}  // namespace

std::string own_address_towards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  constexpr const char* kAnyPort = "9";
  if (::getaddrinfo(host.c_str(), kAnyPort, &hints, &found) != 0) return "";
  std::string own;
  for (const addrinfo* other = found; other != nullptr && own.empty(); other = other->ai_next)
    own = own_address_towards(*other);
  ::freeaddrinfo(found);
  return own;
}

}  // namespace clew::train
