// SPDX-License-Identifier: Apache-2.0
// Spatial transformers in the program: how their recipes are trained and evaluated.
#pragma once

#include "systems.h"

namespace clew::app {

System warp_system();

}  // namespace clew::app
