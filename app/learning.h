// SPDX-License-Identifier: Apache-2.0
// Adapter of supervised systems to the program's table of systems.
#pragma once

#include <memory>

#include "clew/train/learning_system.h"
#include "systems.h"

namespace clew::app {

/// Row of a supervised system.
System row_of(std::shared_ptr<const train::LearningSystem> system);

}  // namespace clew::app
