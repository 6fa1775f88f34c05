// SPDX-License-Identifier: Apache-2.0
// The texts of recipes/navigate/*.toml, compiled in by CMake (clew_embed).
#pragma once

#include <string_view>

namespace clew::app {

extern const std::string_view kTiny, kStaticSmall, kStaticLarge, kGoalSmall, kGoalLarge,
    kRandomSmall, kRandomLarge, kIMaze;

}  // namespace clew::app
