// SPDX-License-Identifier: Apache-2.0
// Systems that learn from examples in the program: trained, evaluated and exported in one way.
#pragma once

#include <memory>

#include "clew/train/learning_system.h"
#include "systems.h"

namespace clew::app {

/// The row of such a system.
System row_of(std::shared_ptr<const train::LearningSystem> system);

}  // namespace clew::app
