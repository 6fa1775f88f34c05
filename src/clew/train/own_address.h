// SPDX-License-Identifier: Apache-2.0
// Where other machines find this one. Private to the module.
#pragma once

#include <string>

namespace clew::train {

/// The address from which this machine talks to `host`, a name or an address, in digits: that of the
/// right network card, whatever the machine's own name stands for (in Debian's /etc/hosts it is the
/// loopback). Nothing is sent but questions for the name. Empty where there is no way.
std::string own_address_towards(const std::string& host);

}  // namespace clew::train
