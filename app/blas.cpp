// SPDX-License-Identifier: Apache-2.0
#include "blas.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace clew::app {
namespace {

/// Function of the loaded libraries by name; null for none.
template <class F>
F* loaded(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_DEFAULT, name));
}

std::string file_of(const void* address) {
  Dl_info info{};
  if (address == nullptr || ::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "";
  std::error_code code;
  const auto resolved = std::filesystem::canonical(info.dli_fname, code);
  return code ? info.dli_fname : resolved.string();
}

}  // namespace

Blas find_blas() {
  Blas blas;
  blas.library = file_of(::dlsym(RTLD_DEFAULT, "sgemm_"));
  const std::string file = std::filesystem::path(blas.library).filename();
  blas.name = "unknown";
  if (file.find("torch") != std::string::npos || file.find("mkl") != std::string::npos)
    blas.name = "MKL";
  if (file.starts_with("libblas.so")) blas.name = "reference BLAS";
  if (file.find("blis") != std::string::npos) blas.name = "BLIS";
  // Debian's libblas.so.3 of OpenBLAS forwards sgemm_ to libopenblas; both have these.
  if (auto* parallel = loaded<int()>("openblas_get_parallel")) {
    blas.name = "OpenBLAS";
    const int kind = parallel();
    blas.threading = kind == 0 ? "none" : kind == 1 ? "pthread" : "openmp";
    if (const auto openblas = file_of(reinterpret_cast<const void*>(parallel)); !openblas.empty()) {
      blas.library = openblas;
    }
  }
  if (auto* core = loaded<char*()>("openblas_get_corename")) blas.core = core();
  if (auto* config = loaded<char*()>("openblas_get_config")) blas.config = config();
  if (auto* threads = loaded<int()>("openblas_get_num_threads")) blas.threads = threads();
  return blas;
}

void limit_blas_threads() {
  for (const char* name : {"OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS"})
    if (std::getenv(name) != nullptr) return;
  if (auto* set_threads = loaded<void(int)>("openblas_set_num_threads")) set_threads(1);
}

}  // namespace clew::app
