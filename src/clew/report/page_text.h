// SPDX-License-Identifier: Apache-2.0
// HTML of the page's text, figures and config, with text from files escaped. Not installed.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "clew/report/run_data.h"

namespace clew::report {

/// `text` with &, <, >, " and ' as entities, for element content and quoted attributes.
[[nodiscard]] std::string escape(std::string_view text);
/// A number with its unit: shares as percent, seconds as "s".
[[nodiscard]] std::string with_unit(double value, const std::string& unit);

/// Page title: that of one run, or the number of runs.
[[nodiscard]] std::string title(std::span<const RunData> runs);
/// Training length and evaluation result, as sentences and a row of figures.
[[nodiscard]] std::string headline(std::span<const RunData> runs);
[[nodiscard]] std::string configs(std::span<const RunData> runs);
/// Notes on omitted parts, one paragraph each.
[[nodiscard]] std::string notes(std::span<const RunData> runs);
/// Instructions for each run without learning curves.
[[nodiscard]] std::string missing_metrics(std::span<const RunData> runs);

}  // namespace clew::report
