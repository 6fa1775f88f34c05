// SPDX-License-Identifier: Apache-2.0
// Checks the field lists of level.h without allocating; files and overrides use core/config.h on
// the same lists. Not part of the library's interface.
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

/// Keeps the first field that is out of range: "generator.width must be in 2..255, got 1".
struct RangeVisitor {
  const char* prefix;
  std::string fault = {};

  void operator()(const char*, bool&, const FieldSpec&) {}
  template <class T>
  void operator()(const char* name, T& value, const FieldSpec& spec) {
    const auto number = static_cast<double>(value);
    if (number >= spec.min && number <= spec.max) return;  // not a number is never in range
    if (fault.empty())
      fault = concat(prefix, name, " must be in ", static_cast<long long>(spec.min), "..",
                     static_cast<long long>(spec.max), ", got ", value);
  }
};

/// The first field of `fields` that is out of range; empty when all are well.
template <class Fields>
std::string range_fault(const char* prefix, Fields fields) {
  RangeVisitor visitor{prefix};
  fields.fields(visitor);
  return visitor.fault;
}

}  // namespace clew::maze
