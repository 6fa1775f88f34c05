// SPDX-License-Identifier: Apache-2.0
// `clew bench NAME --settings`: the default beside a grid of manual settings.
#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"

namespace clew::bench {

/// Supported names for OPENBLAS_CORETYPE, best first. Empty on other CPUs than x86.
std::vector<std::string> core_types();

/// Runs `command` (a program with arguments that prints {"rows": [{...}]}) in separate processes:
/// unchanged, then for each precision of this CPU, each of core_types(), and one or the default
/// number of BLAS threads, then unchanged again. Rows: "precision", "core_type", "blas_threads",
/// the rate under `key`, and "of_default", the rate over the median of the two defaults. Blocks. A
/// failing command: clew::Error.
Json settings_rows(const std::vector<std::string>& command, const std::string& key);

}  // namespace clew::bench
