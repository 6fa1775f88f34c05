// SPDX-License-Identifier: Apache-2.0
// Address of this machine for its peers. Private to the module.
#pragma once

#include <string>

namespace clew::train {

/// Numeric local address of the route to `host` (name or address). The machine's own name would not
/// do: in Debian's /etc/hosts it is the loopback. Sends nothing but DNS queries. Empty without a
/// route.
std::string own_address_towards(const std::string& host);

}  // namespace clew::train
