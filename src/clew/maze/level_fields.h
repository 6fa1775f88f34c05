// SPDX-License-Identifier: Apache-2.0
// Visitors over the field lists of level.h: what a field allows, and the first field that is out of
// range. Not part of the library's interface.
#pragma once

#include <limits>
#include <string>
#include <type_traits>

#include "clew/core/error.h"

namespace clew::maze {

struct FieldSpec {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  const char* help = "";
};

/// "generator.width must be in 2..255, got 1"; empty when `value` is allowed.
template <class T>
std::string range_fault(const std::string& key, const T& value, const FieldSpec& spec) {
  if constexpr (!std::is_same_v<T, bool>) {
    const auto number = static_cast<double>(value);
    if (!(number >= spec.min && number <= spec.max))  // not a number is never in range
      return concat(key, " must be in ", spec.min, "..", spec.max, ", got ", value);
  }
  return {};
}

struct RangeVisitor {
  std::string prefix;
  std::string fault;

  template <class T>
  void operator()(const char* name, T& value, const FieldSpec& spec) {
    if (fault.empty()) fault = range_fault(prefix + name, value, spec);
  }
};

/// The first field of `fields` that is out of range; empty when all are well.
template <class Fields>
std::string range_fault(const std::string& prefix, Fields fields) {
  RangeVisitor visitor{prefix, {}};
  fields.fields(visitor);
  return visitor.fault;
}

}  // namespace clew::maze
