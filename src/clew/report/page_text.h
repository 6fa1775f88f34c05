// SPDX-License-Identifier: Apache-2.0
// The words, the evaluation table and the config of the page, as HTML with everything from files
// escaped. The parts that are drawn are page.js's. Private to the report room.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "clew/report/run_data.h"

namespace clew::report {

/// `text` with &, <, >, " and ' as entities: safe between tags and inside quoted attributes.
[[nodiscard]] std::string escape(std::string_view text);

/// `value` with so many decimals, without a sign before zero.
[[nodiscard]] std::string fixed(double value, int decimals);

/// What the page is called: the level and agent of one run, or how many runs are compared.
[[nodiscard]] std::string title(std::span<const RunData> runs);
/// What was trained, for how long and how well, in sentences and a row of figures.
[[nodiscard]] std::string headline(std::span<const RunData> runs);
[[nodiscard]] std::string evaluation_table(std::span<const RunData> runs);
[[nodiscard]] std::string configs(std::span<const RunData> runs);
/// What was left out of a run's page, a paragraph each; `who` stands before it, as HTML.
[[nodiscard]] std::string notes(const RunData& run, const std::string& who = "");
/// One paragraph a run for each part it lacks: `part` is metrics or trace.
[[nodiscard]] std::string missing(std::span<const RunData> runs, std::string_view part);

}  // namespace clew::report
