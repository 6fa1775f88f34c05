// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/precision.h"

#include "clew/core/error.h"

namespace clew::ops {

Precision parse_precision(const std::string& name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "bf16") return Precision::kBf16;
  CLEW_CHECK(name == "auto", "precision must be auto, fp32 or bf16, got '", name, "'");
  return has_bf16() ? Precision::kBf16 : Precision::kFp32;
}

std::string resolve_precision(const std::string& name) {
  return parse_precision(name) == Precision::kBf16 && has_bf16() ? "bf16" : "fp32";
}

bool has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace clew::ops
