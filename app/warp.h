// SPDX-License-Identifier: Apache-2.0
// Spatial transformers in the program: how their recipes, reading and locating digits, are trained and evaluated.
#pragma once

#include "systems.h"

namespace clew::app {

System warp_system();
System locate_system();

}  // namespace clew::app
