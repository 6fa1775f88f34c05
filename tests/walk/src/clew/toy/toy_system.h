// SPDX-License-Identifier: Apache-2.0
// A toy: which half of a picture is the lighter one.
#pragma once

#include "clew/train/learning_system.h"

namespace clew::toy {

std::shared_ptr<const train::LearningSystem> toy_system();

}  // namespace clew::toy
