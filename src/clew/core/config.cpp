// SPDX-License-Identifier: Apache-2.0
// The only file that includes toml++.
#include "clew/core/config.h"

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <type_traits>

#include "clew/core/error.h"

namespace clew {
namespace {

using Entry = ConfigTree::Entry;
using Scalar = ConfigTree::Scalar;
constexpr double kTwo63 = 9223372036854775808.0;

template <class... Args>
[[noreturn]] void fail(const Args&... args) {
  throw UsageError(concat(args...));
}

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// ---- values as text

std::string to_toml(bool value) { return value ? "true" : "false"; }
template <std::integral T>
requires(!std::same_as<T, bool>) std::string to_toml(T value) {
  // TOML integers end at 2^63 - 1; what lies above is written, and read, as a string.
  if (std::cmp_greater(value, std::numeric_limits<std::int64_t>::max())) {
    return '"' + std::to_string(value) + '"';
  }
  return std::to_string(value);
}

template <std::floating_point T>
std::string shortest(T value) {
  std::array<char, 64> buffer{};
  const T size = std::abs(value);
  const bool is_plain = size == 0 || (size >= T(1e-5) && size < T(1e15));
  const auto end = is_plain ? std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                            std::chars_format::fixed)
                            : std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end.ptr};
}
template <std::floating_point T>
std::string to_toml(T value) {
  std::string text = shortest(value);
  double back = 0;
  std::from_chars(text.data(), text.data() + text.size(), back);
  // A float is read as a double first; rounding twice may miss, then all digits are needed.
  if (static_cast<T>(back) != value && std::isfinite(value)) {
    text = shortest(static_cast<double>(value));
  }
  if (text.find_first_of(".ein") == std::string::npos) text += ".0";
  return text;
}
std::string to_toml(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr std::string_view kHex = "0123456789ABCDEF";
      out += "\\u00";
      out += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}
template <class T>
std::string to_toml(const std::vector<T>& values) {
  std::string out = "[";
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out += ", ";
    out += to_toml(static_cast<T>(values[i]));
  }
  return out + "]";
}
std::string to_toml(const Fields::Target& target) {
  return std::visit([](const auto* value) { return to_toml(*value); }, target);
}
std::string to_toml(const Scalar& scalar) {
  return std::visit([](const auto& value) { return to_toml(value); }, scalar);
}

// ---- reading TOML

std::optional<Scalar> scalar_of(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  if (const auto* value = node.as_integer()) return value->get();
  if (const auto* value = node.as_floating_point()) return value->get();
  if (const auto* value = node.as_string()) return value->get();
  return std::nullopt;
}

std::string place(const std::string& source, const toml::source_position& at) {
  return concat(source, ':', at.line, ':', at.column);
}

Entry entry_of(const std::string& key, const toml::node& node, const std::string& source) {
  const auto at = node.source().begin;
  Entry entry{.key = key, .source = source, .line = at.line, .column = at.column};
  const auto add = [&](const toml::node& item) {
    auto scalar = scalar_of(item);
    if (!scalar) {
      fail(place(source, item.source().begin), ": ", key,
           " must be a boolean, number, string or a flat array of those");
    }
    entry.text += (entry.values.empty() ? "" : ", ") + to_toml(*scalar);
    entry.values.push_back(std::move(*scalar));
  };
  if (const auto* array = node.as_array()) {
    entry.is_array = true;
    for (const auto& item : *array) add(item);
    entry.text = '[' + entry.text + ']';
  } else {
    add(node);
  }
  return entry;
}

void flatten(const toml::table& table, const std::string& prefix, const std::string& source,
             std::vector<Entry>& out) {
  for (const auto& [key, node] : table) {
    if (!is_bare_key(key.str())) {
      fail(place(source, key.source().begin),
           ": keys must consist of letters, digits, '_' and '-', got '", key.str(), "'");
    }
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      if (inner->empty()) {
        const auto at = node.source().begin;
        out.push_back({.key = name,
                       .is_empty_table = true,
                       .text = "a table",
                       .source = source,
                       .line = at.line,
                       .column = at.column});
      }
      flatten(*inner, name + '.', source, out);
    } else {
      out.push_back(entry_of(name, node, source));
    }
  }
}

// ---- overrides

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\n\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\n\r") - begin + 1);
}

/// `text` as one TOML value; absent when it is not one.
std::optional<Entry> try_value(std::string_view text) {
  try {
    const auto table = toml::parse("v = " + std::string(text), std::string_view("command line"));
    const auto* node = table.get("v");
    if (table.size() != 1 || node == nullptr || node->is_table()) return std::nullopt;
    return entry_of("v", *node, "command line");
  } catch (const toml::parse_error&) {
    return std::nullopt;
  } catch (const UsageError&) {  // a date, an array of arrays
    return std::nullopt;
  }
}

/// A scalar that need not be quoted: TOML, or a number like .5 and 5., or a string.
Scalar bare_scalar(std::string_view key, std::string_view text) {
  if (auto value = try_value(text); value && !value->is_array) return std::move(value->values[0]);
  double number = 0;
  const auto* end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, number);
      read.ec == std::errc() && read.ptr == end && text.find('.') != std::string_view::npos) {
    return number;
  }
  if (!try_value(to_toml(std::string(text)))) fail("command line: ", key, " must be UTF-8 text");
  return std::string(text);
}

Entry override_value(std::string_view key, std::string_view text) {
  if (auto value = try_value(text)) return std::move(*value);
  Entry entry;
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    entry.is_array = true;
    auto items = trim(text.substr(1, text.size() - 2));
    while (!items.empty()) {
      const auto comma = std::min(items.find(','), items.size());
      entry.values.push_back(bare_scalar(key, trim(items.substr(0, comma))));
      items = trim(items.substr(std::min(comma + 1, items.size())));
    }
  } else {
    entry.values.push_back(bare_scalar(key, text));
  }
  return entry;
}

// ---- ranges

/// -1, 0 or 1 as value is less than, equal to or more than the bound; exact for every pair of
/// types.
template <std::integral T>
int compare(T value, const Bound& bound) {
  if (bound.kind == Bound::Kind::kInteger) {
    if (std::cmp_less(value, bound.integer)) return -1;
    return std::cmp_greater(value, bound.integer) ? 1 : 0;
  }
  if (bound.real >= 2 * kTwo63) return -1;
  if (bound.real < -kTwo63) return 1;
  // Within the integers: compare with the whole part, then let the fraction decide.
  const double whole = std::floor(bound.real);
  const int order = [&] {
    if (whole < 0) {
      const auto limit = static_cast<std::int64_t>(whole);
      return std::cmp_less(value, limit) ? -1 : std::cmp_greater(value, limit) ? 1 : 0;
    }
    const auto limit = static_cast<std::uint64_t>(whole);
    return std::cmp_less(value, limit) ? -1 : std::cmp_greater(value, limit) ? 1 : 0;
  }();
  return order == 0 && bound.real > whole ? -1 : order;
}
int compare(double value, const Bound& bound) {
  if (bound.kind == Bound::Kind::kReal) {
    return value < bound.real ? -1 : value > bound.real ? 1 : 0;
  }
  return -compare(bound.integer, Bound(value));
}

std::string to_text(const Bound& bound) {
  return bound.kind == Bound::Kind::kInteger ? std::to_string(bound.integer) : shortest(bound.real);
}

/// "in 1..4096", "at least 0", "more than 0 and at most 1"; "" when all is allowed.
std::string range_text(const FieldOptions& options) {
  const auto has = [](const Bound& bound) { return bound.kind != Bound::Kind::kNone; };
  if (has(options.min) && has(options.max)) {
    return "in " + to_text(options.min) + ".." + to_text(options.max);
  }
  std::string low, high;
  if (has(options.min)) low = "at least " + to_text(options.min);
  if (has(options.above)) low = "more than " + to_text(options.above);
  if (has(options.max)) high = "at most " + to_text(options.max);
  if (has(options.below)) high = "less than " + to_text(options.below);
  return low + (low.empty() || high.empty() ? "" : " and ") + high;
}

template <class T>
bool is_in_range(T value, const FieldOptions& options) {
  const auto has = [](const Bound& bound) { return bound.kind != Bound::Kind::kNone; };
  return !(has(options.min) && compare(value, options.min) < 0) &&
         !(has(options.max) && compare(value, options.max) > 0) &&
         !(has(options.above) && compare(value, options.above) <= 0) &&
         !(has(options.below) && compare(value, options.below) >= 0);
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// ---- one value into one field

[[noreturn]] void fail_field(const Entry& entry, const std::string& wanted,
                             const std::string& got) {
  fail(entry.where(), ": ", entry.key, " must be ", wanted, ", got ", got);
}

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
constexpr const char* type_text() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  return "a whole number";
}

/// `scalar` as a T without loss; absent when it is of another type or does not fit.
template <class T>
std::optional<T> convert(const Scalar& scalar) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
    if (const auto* value = std::get_if<T>(&scalar)) return *value;
  } else if constexpr (std::is_floating_point_v<T>) {
    if (const auto* value = std::get_if<double>(&scalar)) return static_cast<T>(*value);
    if (const auto* value = std::get_if<std::int64_t>(&scalar)) return static_cast<T>(*value);
  } else {
    if (const auto* value = std::get_if<std::int64_t>(&scalar); value && std::in_range<T>(*value)) {
      return static_cast<T>(*value);
    }
    // 1e7 is a handy way to write ten million steps.
    if (const auto* value = std::get_if<double>(&scalar);
        value && std::abs(*value) <= 0x1p53 && std::floor(*value) == *value &&
        std::in_range<T>(static_cast<std::int64_t>(*value))) {
      return static_cast<T>(static_cast<std::int64_t>(*value));
    }
    if (const auto* value = std::get_if<std::string>(&scalar);
        value && std::is_same_v<T, std::uint64_t>) {
      T number = 0;
      const auto* end = value->data() + value->size();
      const auto read = std::from_chars(value->data(), end, number);
      if (read.ec == std::errc() && read.ptr == end) return number;
    }
  }
  return std::nullopt;
}

template <class T>
T checked(const Scalar& scalar, const Entry& entry, const FieldOptions& options) {
  const std::string got = entry.is_array ? to_toml(scalar) : entry.text;
  const std::string range = range_text(options);
  const auto value = convert<T>(scalar);
  if (!value) {
    const bool is_number = !std::is_same_v<T, std::string> && !std::is_same_v<T, bool> &&
                           std::holds_alternative<std::int64_t>(scalar);
    // A whole number that does not fit is out of range, whatever the range.
    if (is_number && !range.empty()) fail_field(entry, range, got);
    fail_field(entry,
               is_number ? concat("in ", std::numeric_limits<T>::min(), "..",
                                  std::numeric_limits<T>::max())
                         : type_text<T>(),
               got);
  }
  if constexpr (std::is_same_v<T, std::string>) {
    if (!options.choices.empty() && std::ranges::count(options.choices, *value) == 0) {
      fail(entry.where(), ": ", entry.key, " must be one of ", join(options.choices), ", got '",
           *value, "'", did_you_mean(*value, options.choices));
    }
  } else if constexpr (!std::is_same_v<T, bool>) {
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(*value)) {
        fail_field(entry, range.empty() ? "a finite number" : range, got);
      }
      // 0.1 against a bound of 0.1 must not depend on the field being a float: the text decides.
      if (const auto* exact = std::get_if<double>(&scalar)) {
        if (!is_in_range(*exact, options)) fail_field(entry, range, got);
        return *value;
      }
    }
    if (!is_in_range(*value, options)) fail_field(entry, range, got);
  }
  return *value;
}

template <class T>
void set(T& target, const Entry& entry, const FieldOptions& options) {
  if constexpr (IsVector<T>::value) {
    using Item = typename T::value_type;
    if (!entry.is_array) {
      fail_field(entry, concat("an array, each item ", type_text<Item>()), entry.text);
    }
    T items;
    for (const auto& scalar : entry.values) items.push_back(checked<Item>(scalar, entry, options));
    target = std::move(items);
  } else {
    if (entry.is_array) fail_field(entry, type_text<T>(), entry.text);
    Scalar scalar = entry.values[0];
    // name=123 on the command line sets a string field to "123".
    if (std::is_same_v<T, std::string> && entry.line == 0 &&
        !std::holds_alternative<std::string>(scalar)) {
      scalar = entry.text;
    }
    target = checked<T>(scalar, entry, options);
  }
}

/// An entry that no field took: a table where a value belongs, the other way round, or an unknown
/// key.
void check_leftover(const Entry& entry, const Fields& fields) {
  std::vector<std::string> keys;
  for (const auto& field : fields.list()) {
    if (field.key.starts_with(entry.key + '.')) {
      if (entry.is_empty_table) return;
      fail_field(entry, "a table", entry.text);
    }
    if (entry.key.starts_with(field.key + '.')) {
      fail(entry.where(), ": ", field.key, " must be a value, got a table");
    }
    keys.push_back(field.key);
  }
  fail(entry.where(), ": unknown key '", entry.key, "'", did_you_mean(entry.key, keys));
}

std::string default_text(const Fields::Field& field) { return to_toml(field.target); }

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours, case
/// ignored.
int edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const std::size_t width = b.size() + 1;
  std::vector<int> before(width), row(width), next(width);
  for (std::size_t j = 0; j < width; ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = static_cast<int>(i);
    for (std::size_t j = 1; j < width; ++j) {
      const bool is_equal = lower(a[i - 1]) == lower(b[j - 1]);
      next[j] = std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (is_equal ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    before.swap(row);
    row.swap(next);
  }
  return row[b.size()];
}

}  // namespace

std::string Entry::where() const { return line == 0 ? source : concat(source, ':', line); }

const Entry* ConfigTree::find(std::string_view key) const {
  const auto it = std::ranges::find(entries, key, &Entry::key);
  return it == entries.end() ? nullptr : &*it;
}

ConfigTree parse_toml(std::string_view text, const std::string& source) {
  ConfigTree tree;
  try {
    flatten(toml::parse(text, source), "", source, tree.entries);
  } catch (const toml::parse_error& error) {
    fail(place(source, error.source().begin), ": ", error.description());
  }
  // toml++ sorts by key; messages and order of overrides follow the file.
  std::ranges::stable_sort(tree.entries, [](const Entry& a, const Entry& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  return tree;
}

void apply_override(ConfigTree& tree, std::string_view key_equals_value) {
  const auto equals = key_equals_value.find('=');
  if (equals == std::string_view::npos) {
    fail("command line: an override must look like key=value, got '", key_equals_value, "'");
  }
  const auto key = trim(key_equals_value.substr(0, equals));
  const auto text = trim(key_equals_value.substr(equals + 1));
  for (std::string_view rest = key; !rest.empty() || key.empty();) {
    const auto dot = std::min(rest.find('.'), rest.size());
    if (!is_bare_key(rest.substr(0, dot)) || dot + 1 == rest.size()) {
      fail("command line: an override must look like key=value, got '", key_equals_value, "'");
    }
    rest = rest.substr(std::min(dot + 1, rest.size()));
  }
  Entry entry = override_value(key, text);
  entry.key = key;
  entry.text = text;
  entry.source = "command line";
  entry.line = entry.column = 0;
  const auto it = std::ranges::find(tree.entries, key, &Entry::key);
  if (it == tree.entries.end()) {
    tree.entries.push_back(std::move(entry));
  } else if (it->line == 0) {
    fail("command line: ", key, " must be set once, got '", it->text, "' and '", text, "'");
  } else {
    *it = std::move(entry);
  }
}

void load_fields(const Fields& fields, const ConfigTree& tree) {
  std::set<std::string_view> taken;
  for (const auto& field : fields.list()) {
    [[maybe_unused]] const bool is_new = taken.insert(field.key).second;
    CLEW_ASSERT(is_new);
  }
  for (const auto& entry : tree.entries) {
    if (entry.is_empty_table || !taken.contains(entry.key)) check_leftover(entry, fields);
  }
  for (const auto& field : fields.list()) {
    if (const auto* entry = tree.find(field.key)) {
      std::visit([&](auto* target) { set(*target, *entry, field.options); }, field.target);
    }
  }
}

std::string dump_fields(const Fields& fields) {
  const auto table_of = [](const std::string& key) {
    const auto dot = key.rfind('.');
    return dot == std::string::npos ? std::string() : key.substr(0, dot);
  };
  std::vector<std::string> tables = {""};
  for (const auto& field : fields.list()) {
    if (std::ranges::count(tables, table_of(field.key)) == 0) tables.push_back(table_of(field.key));
  }
  std::string out;
  for (const auto& table : tables) {
    if (!table.empty()) out += (out.empty() ? "[" : "\n[") + table + "]\n";
    for (const auto& field : fields.list()) {
      if (table_of(field.key) != table) continue;
      out += field.key.substr(table.empty() ? 0 : table.size() + 1);
      out += " = " + default_text(field) + '\n';
    }
  }
  return out;
}

std::string help_fields(const Fields& fields) {
  std::vector<std::array<std::string, 4>> rows = {{"key", "default", "range", "help"}};
  for (const auto& field : fields.list()) {
    std::string range = join(field.options.choices);
    if (range.empty()) range = range_text(field.options);
    if (range.starts_with("in ")) range.erase(0, 3);
    rows.push_back({field.key, default_text(field), range, field.options.help});
  }
  std::array<std::size_t, 3> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line += row[3];
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::vector<ConfigDifference> diff_fields(const Fields& before, const Fields& after) {
  std::vector<ConfigDifference> out;
  for (std::size_t i = 0; i < before.list().size(); ++i) {
    std::string first = default_text(before.list()[i]), second = default_text(after.list()[i]);
    if (first != second) {
      out.push_back({before.list()[i].key, std::move(first), std::move(second)});
    }
  }
  return out;
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  int best_distance = std::numeric_limits<int>::max();
  for (const auto& candidate : candidates) {
    int distance = edit_distance(word, candidate);
    int allowed = std::max(1, static_cast<int>(std::max(word.size(), candidate.size())) * 2 / 5);
    // 'lr' for 'train.lr', 'batched' for 'train.batched': the last part alone counts too.
    if (const auto dot = candidate.rfind('.'); dot != std::string::npos) {
      const auto word_tail = word.substr(word.rfind('.') + 1);
      const int tail = edit_distance(word_tail, std::string_view(candidate).substr(dot + 1)) + 1;
      const int tail_allowed = std::max<int>(1, static_cast<int>(word_tail.size()) * 2 / 5 + 1);
      if (tail <= tail_allowed && tail < distance) {
        distance = tail;
        allowed = tail_allowed;
      }
    }
    if (word.size() >= 2 && candidate.starts_with(word)) distance = std::min(distance, 1);
    if (distance <= allowed && distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string name = nearest(word, candidates);
  return name.empty() ? "" : "; did you mean '" + name + "'?";
}

}  // namespace clew
