// SPDX-License-Identifier: Apache-2.0
// BLAS in use, detected from the loaded libraries, because Debian's alternatives and environment
// variables select it after linking.
#pragma once

#include <string>

namespace clew::app {

struct Blas {
  std::string library;  // file that provides sgemm_, links resolved; empty if LibTorch has its own
  std::string name;     // "OpenBLAS", "MKL", "reference BLAS", "unknown"
  std::string threading;  // of OpenBLAS: "none", "pthread", "openmp"
  std::string core;       // OpenBLAS's core type: "Haswell", "SkylakeX"
  std::string config;     // OpenBLAS's description
  int threads = 0;        // of OpenBLAS; 0: unknown
};

Blas find_blas();

/// Limits the BLAS to one thread, since trainings have worker threads, and OpenBLAS's idle threads
/// spin. The user's OPENBLAS_NUM_THREADS takes precedence.
void limit_blas_threads();

}  // namespace clew::app
