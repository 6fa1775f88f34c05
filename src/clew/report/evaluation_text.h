// SPDX-License-Identifier: Apache-2.0
// HTML of evaluation tables and galleries, with text from files escaped. Not installed.
#pragma once

#include <span>
#include <string>

#include "clew/report/run_data.h"

namespace clew::report {

/// Measures of all runs, tables of each run, the step of its weights, and the command to evaluate a
/// run without an evaluation.
[[nodiscard]] std::string evaluation_section(std::span<const RunData> runs);
/// Picture section; empty without pictures.
[[nodiscard]] std::string gallery_section(std::span<const RunData> runs);

}  // namespace clew::report
