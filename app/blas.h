// SPDX-License-Identifier: Apache-2.0
// Which BLAS the program really uses: found out from the loaded libraries, because Debian's
// alternatives and environment variables decide it after linking.
#pragma once

#include <string>

namespace clew::app {

struct Blas {
  std::string
      library;  // file that provides sgemm_, links resolved; empty when LibTorch carries its own
  std::string name;       // "OpenBLAS", "MKL", "reference BLAS", "unknown"
  std::string threading;  // of OpenBLAS: "none", "pthread", "openmp"
  std::string core;       // that OpenBLAS takes this processor for: "Haswell", "SkylakeX"
  std::string config;     // OpenBLAS' own words
  int threads = 0;        // of OpenBLAS; 0 unknown
};

Blas find_blas();

/// One thread for the BLAS: the workers of a training are threads already, and threads of OpenBLAS
/// spin while they wait. What the user has set (OPENBLAS_NUM_THREADS) stays.
void limit_blas_threads();

}  // namespace clew::app
