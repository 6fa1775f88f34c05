// SPDX-License-Identifier: Apache-2.0
// `clew bench NAME --settings`: the default beside a grid of what a user could set by hand.
#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

/// Names of OPENBLAS_CORETYPE whose instructions this CPU has, the best first. Empty where it is no
/// x86.
std::vector<std::string> core_types();

/// Runs `command` (a program and its arguments, which prints {"rows": [{...}]}) in processes of its
/// own: as it is, then for each precision of this CPU, each of core_types(), and one BLAS thread or
/// as many as the BLAS takes, then as it is again. Rows: "precision", "core_type", "blas_threads",
/// the rate under `key`, and "of_default", the rate in shares of the median of the two defaults.
/// Blocks. A command that fails: clew::Error.
Json settings_rows(const std::vector<std::string>& command, const std::string& key);

}  // namespace clew::bench
