// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/autocast.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace clew::ops {
namespace {

#if TORCH_VERSION_MAJOR >= 2
bool is_enabled() { return at::autocast::is_autocast_enabled(at::kCPU); }
void enable(bool enabled) { at::autocast::set_autocast_enabled(at::kCPU, enabled); }
at::ScalarType type() { return at::autocast::get_autocast_dtype(at::kCPU); }
void set_type(at::ScalarType type) { at::autocast::set_autocast_dtype(at::kCPU, type); }
#else
bool is_enabled() { return at::autocast::is_cpu_enabled(); }
void enable(bool enabled) { at::autocast::set_cpu_enabled(enabled); }
at::ScalarType type() { return at::autocast::get_autocast_cpu_dtype(); }
void set_type(at::ScalarType type) { at::autocast::set_autocast_cpu_dtype(type); }
#endif

}  // namespace

bool is_autocast() { return is_enabled(); }

Autocast::Autocast(Precision precision)
    : was_enabled_(is_enabled()),
      was_cached_(at::autocast::is_autocast_cache_enabled()),
      type_(type()) {
  enable(precision == Precision::kBf16 && has_bf16(Products::kLibTorch));
  set_type(at::kBFloat16);
  // The cache would keep cast weights after an update.
  at::autocast::set_autocast_cache_enabled(false);
}

Autocast::~Autocast() {
  enable(was_enabled_);
  set_type(type_);
  at::autocast::set_autocast_cache_enabled(was_cached_);
}

}  // namespace clew::ops
