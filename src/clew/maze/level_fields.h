// SPDX-License-Identifier: Apache-2.0
// Range checks on the field lists of level.h, without allocation; files and overrides use
// core/config.h on the same lists. Not part of the interface.
#pragma once

#include <limits>
#include <string>

#include "clew/core/error.h"

namespace clew::maze {

struct FieldSpec {
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  const char* help = "";
};

/// Visitor that records the first field out of range: "generator.width must be in 2..255, got 1".
struct RangeVisitor {
  const char* prefix;
  std::string fault = {};

  void operator()(const char*, bool&, const FieldSpec&) {}
  template <class T>
  void operator()(const char* name, T& value, const FieldSpec& spec) {
    const auto number = static_cast<double>(value);
    if (number >= spec.min && number <= spec.max) return;  // false for NaN
    if (fault.empty())
      fault = concat(prefix, name, " must be in ", static_cast<long long>(spec.min), "..",
                     static_cast<long long>(spec.max), ", got ", value);
  }
};

/// First field out of range; empty if all are valid.
template <class Fields>
std::string range_fault(const char* prefix, Fields fields) {
  RangeVisitor visitor{prefix};
  fields.fields(visitor);
  return visitor.fault;
}

}  // namespace clew::maze
