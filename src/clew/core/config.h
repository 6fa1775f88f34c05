// SPDX-License-Identifier: Apache-2.0
// Configs: plain structs from and to TOML. A struct lists its fields once:
//
//   struct TrainConfig {
//     double lr = 5e-4;
//     OptimizerKind optimizer = OptimizerKind::kAdam;
//     OptimConfig optim;
//     void fields(clew::Fields& v) {
//       v("lr", lr, {.above = 0, .max = 1, .help = "peak learning rate"});
//       v("optimizer", optimizer, {.help = "how gradients become steps"});
//       v.group("optim", optim);
//     }
//   };
//
// and parsing, range checks, key=value overrides, dump, diff and help come from that list.
// Field types: bool, int, std::int64_t, std::uint64_t, float, double, std::string, std::vector of those,
// enumerations with a table of names (names.h), and std::optional of such, which may be "none".
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "clew/core/names.h"

namespace clew {

/// Bound of a range: absent, an exact integer or a real number.
struct Bound {
  enum class Kind : std::uint8_t { kNone, kInteger, kReal };
  constexpr Bound() = default;
  template <std::integral T>
  constexpr Bound(T value) : kind(Kind::kInteger), integer(static_cast<std::int64_t>(value)) {}
  template <std::floating_point T>
  constexpr Bound(T value) : kind(Kind::kReal), real(static_cast<double>(value)) {}

  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
};

/// Strings that are paths. Empty on the command line, or with a leading '~': refused. A relative
/// path in a file is relative to that file's folder if it exists there.
enum class PathKind : std::uint8_t {
  kNone,
  kPath,
  kNameOrPath,  // or a built-in name, without an extension: "static_small"
};

/// Values allowed for a resumed run.
enum class Resume : std::uint8_t {
  kSame,     // the original one
  kMore,     // the original one or larger
  kInTotal,  // the same product with the number of processes
  kAny,
};

/// Constraints and help of a field. Ranges and choices of a vector apply to each item. Real numbers
/// must be finite.
struct FieldOptions {
  Bound min = {}, above = {};             // lower bound, inclusive or exclusive
  Bound max = {}, below = {};             // upper bound, inclusive or exclusive
  std::vector<std::string> choices = {};  // of strings; enumerations have their names
  PathKind path = PathKind::kNone;
  Resume resume = Resume::kSame;
  bool is_setting = true;  // of an experiment; false: seed, speed, path of the same data
  std::string help = {};   // one short line, with the unit
};

/// An enumerator by its name; "none" for an absent optional.
class Choice {
 public:
  template <NamedEnum E>
  explicit Choice(E& value)
      : value_(&value),
        choices_(names_of<E>()),
        name_([](const void* at) { return std::string(name_of(*static_cast<const E*>(at))); }),
        set_([](void* at, std::string_view name) {
          *static_cast<E*>(at) = parse_named<E>("a choice", name);
        }) {}
  template <NamedEnum E>
  explicit Choice(std::optional<E>& value)
      : value_(&value),
        choices_(names_of<E>()),
        name_([](const void* at) {
          const auto& held = *static_cast<const std::optional<E>*>(at);
          return std::string(held ? name_of(*held) : "none");
        }),
        set_([](void* at, std::string_view name) {
          auto& held = *static_cast<std::optional<E>*>(at);
          held.reset();
          if (name != "none") held = parse_named<E>("a choice", name);
        }) {
    choices_.insert(choices_.begin(), "none");
  }

  const std::vector<std::string>& choices() const { return choices_; }
  std::string name() const { return name_(value_); }
  void set(std::string_view name) const { set_(value_, name); }

 private:
  void* value_;
  std::vector<std::string> choices_;
  std::string (*name_)(const void*);
  void (*set_)(void*, std::string_view);
};

/// Fields of a struct, flattened: "optim.lr". Has pointers into the struct.
class Fields {
 public:
  using Target =
      std::variant<bool*, int*, std::int64_t*, std::uint64_t*, float*, double*, std::string*,
                   std::vector<bool>*, std::vector<int>*, std::vector<std::int64_t>*,
                   std::vector<std::uint64_t>*, std::vector<float>*, std::vector<double>*,
                   std::vector<std::string>*, Choice>;
  struct Field {
    std::string key;
    Target target;
    FieldOptions options;
  };

  template <class T>
  void operator()(std::string_view name, T& value, FieldOptions options = {}) {
    if constexpr (std::constructible_from<Choice, T&>) {
      const Choice choice(value);
      options.choices = choice.choices();
      list_.push_back({prefix_ + std::string(name), choice, std::move(options)});
    } else {
      list_.push_back({prefix_ + std::string(name), Target(&value), std::move(options)});
    }
  }
  /// A nested struct: a table in the file.
  template <class T>
  void group(std::string_view name, T& value) {
    const auto outer = prefix_.size();
    prefix_.append(name).push_back('.');
    value.fields(*this);
    prefix_.resize(outer);
  }
  const std::vector<Field>& list() const { return list_; }

 private:
  std::vector<Field> list_;
  std::string prefix_;
};

/// Values of a file and the command line, flattened to dotted keys, each with its source.
struct ConfigTree {
  using Scalar = std::variant<bool, std::int64_t, double, std::string>;
  struct Entry {
    std::string key = {};             // "train.lr"
    std::vector<Scalar> values = {};  // one, unless is_array
    bool is_array = false;
    bool is_empty_table = false;
    std::string text = {};              // as the user wrote it, or in TOML
    std::string source = {};            // "recipe.toml", "command line"
    std::string folder = {};            // of the file, for relative paths; empty: working directory
    std::int64_t line = 0, column = 0;  // from 1; 0: none

    std::string where() const;  // "recipe.toml:14", "command line"
  };
  std::vector<Entry> entries;  // in the order of the file, keys unique

  const Entry* find(std::string_view key) const;
};

/// Parses TOML. Syntax errors, duplicate keys, dates, nested arrays, tables in arrays: UsageError
/// with line and column.
ConfigTree parse_toml(std::string_view text, const std::string& source);
/// Override "train.lr=0.1" of a file's value. The value is TOML, else a string, so that
/// agent=nav+d1 and levels=[a,b] need no quotes. A key set twice on the command line: UsageError.
void apply_override(ConfigTree& tree, std::string_view key_equals_value);

struct ConfigDifference {
  std::string key, before, after;  // values in TOML
};

// Implementation of the templates below.
void load_fields(const Fields& fields, const ConfigTree& tree);
std::string dump_fields(const Fields& fields);
std::string help_fields(const Fields& fields);
std::vector<ConfigDifference> diff_fields(const Fields& before, const Fields& after);
void check_fields(const Fields& fields, const std::string& source);

/// Keys whose values a resumed run may change.
std::map<std::string, Resume> resume_rules(const Fields& fields);
/// Makes every path absolute.
void make_paths_absolute(const Fields& fields);
/// Keys that are not settings of an experiment (FieldOptions::is_setting).
std::set<std::string> no_settings(const Fields& fields);

template <class C>
Fields fields_of(C& config) {
  Fields fields;
  config.fields(fields);
  return fields;
}

/// Sets the fields in `tree`. Unknown key, wrong type, out of range: UsageError with file, line,
/// expected and actual value; `config` is then unchanged.
template <class C>
void load(C& config, const ConfigTree& tree) {
  C loaded = config;
  load_fields(fields_of(loaded), tree);
  config = std::move(loaded);
}
/// Checks fields set in code as `load` does, without paths: UsageError beginning with `source`.
template <class C>
void check(const C& config, const std::string& source) {
  C copy = config;
  check_fields(fields_of(copy), source);
}
/// All fields as TOML; loading it gives an equal struct, bit for bit.
template <class C>
std::string dump_toml(const C& config) {
  C copy = config;
  return dump_fields(fields_of(copy));
}
/// Fields with different values.
template <class C>
std::vector<ConfigDifference> diff(const C& before, const C& after) {
  C first = before, second = after;
  return diff_fields(fields_of(first), fields_of(second));
}
/// Human-readable table: key, default, range, help.
template <class C>
std::string help_text(const C& config) {
  C copy = config;
  return help_fields(fields_of(copy));
}

}  // namespace clew
