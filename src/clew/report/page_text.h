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

/// Title of the page: that of one run, or the number of runs compared.
[[nodiscard]] std::string title(std::span<const RunData> runs);
/// Length of the training and result of its evaluation, in sentences and a row of figures.
[[nodiscard]] std::string headline(std::span<const RunData> runs);
[[nodiscard]] std::string configs(std::span<const RunData> runs);
/// Omissions of a run's page, a paragraph each.
[[nodiscard]] std::string notes(std::span<const RunData> runs);
/// Instructions for each run without learning curves.
[[nodiscard]] std::string missing_metrics(std::span<const RunData> runs);

}  // namespace clew::report
