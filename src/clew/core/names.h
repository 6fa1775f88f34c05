// SPDX-License-Identifier: Apache-2.0
// Names of enumerators: a table beside each enumeration, found by its type:
//
//   enum class Colour : std::uint8_t { kRed, kBlue };
//   constexpr auto names(Colour) {
//     return std::to_array<Named<Colour>>({{Colour::kRed, "red"}, {Colour::kBlue, "blue"}});
//   }
//
// Parsing, printing, help and the fields of configs (config.h) come from that table.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "clew/core/error.h"

namespace clew {

/// An enumerator and its name.
template <class E>
struct Named {
  E value;
  std::string_view name;
};

template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E value) {
  names(value);
};

template <NamedEnum E>
constexpr std::string_view name_of(E value) {
  for (const auto& row : names(value))
    if (row.value == value) return row.name;
  return "?";  // not in the table
}

/// Enumerator by name; absent for an unknown name.
template <NamedEnum E>
constexpr std::optional<E> find_named(std::string_view name) {
  for (const auto& row : names(E{}))
    if (row.name == name) return row.value;
  return std::nullopt;
}

/// All names, in the order of the table.
template <NamedEnum E>
std::vector<std::string> names_of() {
  std::vector<std::string> all;
  for (const auto& row : names(E{})) all.emplace_back(row.name);
  return all;
}

/// Throws UsageError "<what> must be one of <choices>, got '<name>'" with the nearest choice.
[[noreturn]] void fail_name(std::string_view what, std::string_view name,
                            const std::vector<std::string>& choices);

/// Enumerator by name. Unknown: UsageError that begins with `what`.
template <NamedEnum E>
E parse_named(std::string_view what, std::string_view name) {
  if (const auto value = find_named<E>(name)) return *value;
  fail_name(what, name, names_of<E>());
}

/// Nearest candidate by edit distance, or "" if none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);
/// "; did you mean 'lr'?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace clew
