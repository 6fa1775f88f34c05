// SPDX-License-Identifier: Apache-2.0
// What the page says of runs that sort examples into classes: the headline, the confusion matrix; and
// the gallery of pictures that any run may have. HTML, with everything from files escaped. Private to
// the report room.
#pragma once

#include <span>
#include <string>

#include "clew/report/run_data.h"

namespace clew::report {

/// How well the network of a run does, in a sentence; nothing before there is an evaluation.
[[nodiscard]] std::string class_verdict(const RunData& run);
/// What was taken for what; for a run that has classes.
[[nodiscard]] std::string confusion_table(const RunData& run);
/// The whole section of pictures, or nothing where no run has any.
[[nodiscard]] std::string gallery_section(std::span<const RunData> runs);

}  // namespace clew::report
