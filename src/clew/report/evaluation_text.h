// SPDX-License-Identifier: Apache-2.0
// Tables and pictures of evaluations, as HTML with everything from files escaped. Not installed.
#pragma once

#include <span>
#include <string>

#include "clew/report/run_data.h"

namespace clew::report {

/// The measures of all runs, the tables of each run, when its weights are from, and
/// how to evaluate a run that is not.
[[nodiscard]] std::string evaluation_section(std::span<const RunData> runs);
/// The whole section of pictures, or nothing where no run has any.
[[nodiscard]] std::string gallery_section(std::span<const RunData> runs);

}  // namespace clew::report
