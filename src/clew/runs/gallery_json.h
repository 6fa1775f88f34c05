// SPDX-License-Identifier: Apache-2.0
// Pictures as JSON, for gallery.json and eval.json. Not installed.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "clew/runs/evaluation.h"
#include "clew/runs/json_file.h"

namespace clew::runs {

/// A JSON array.
std::string pictures_json(std::span<const Pictures> gallery);
std::vector<Pictures> read_pictures(const std::vector<Value>& items);

}  // namespace clew::runs
