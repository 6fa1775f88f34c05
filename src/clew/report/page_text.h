// SPDX-License-Identifier: Apache-2.0
// Sentences, figures and config of the page, as HTML with everything from files escaped. Not installed.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "clew/report/run_data.h"

namespace clew::report {

/// `text` with &, <, >, " and ' as entities: safe between tags and inside quoted attributes.
[[nodiscard]] std::string escape(std::string_view text);
/// A number with its unit: shares as per cent, seconds as "s".
[[nodiscard]] std::string with_unit(double value, const std::string& unit);

/// What the page is called: the title of one run, or how many runs are compared.
[[nodiscard]] std::string title(std::span<const RunData> runs);
/// How long the training was and what its evaluation says, in sentences and a row of figures.
[[nodiscard]] std::string headline(std::span<const RunData> runs);
[[nodiscard]] std::string configs(std::span<const RunData> runs);
/// What was left out of a run's page, a paragraph each.
[[nodiscard]] std::string notes(std::span<const RunData> runs);
/// How to get learning curves, for each run that has none.
[[nodiscard]] std::string missing_metrics(std::span<const RunData> runs);

}  // namespace clew::report
