// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/precision.h"

namespace clew::ops {

bool has_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace clew::ops
