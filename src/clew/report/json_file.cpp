// SPDX-License-Identifier: Apache-2.0
#include "clew/report/json_file.h"

#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "clew/core/error.h"

namespace clew::report {
namespace {

using Json = nlohmann::json;

const Json& json_of(const void* value) { return *static_cast<const Json*>(value); }

// What the parser has read of a text so far. The parser copies its iterators, so they share this.
struct Progress {
  int line = 1;
  char last = 0;
};

class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, Progress* progress) : at_(at), progress_(progress) {}
  const char& operator*() const { return *at_; }
  CountingIterator& operator++() {
    progress_->last = *at_;
    if (*at_++ == '\n') ++progress_->line;
    return *this;
  }
  CountingIterator operator++(int) {
    const CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ != b.at_;
  }

 private:
  const char* at_;
  Progress* progress_;
};

// Walks a text until the value at `place` begins, or until the text goes wrong, and keeps the line
// of that.
class LineFinder : public nlohmann::json_sax<Json> {
 public:
  LineFinder(const std::string& text, std::string place) : place_(std::move(place)) {
    Json::sax_parse(CountingIterator(text.data(), &progress_),
                    CountingIterator(text.data() + text.size(), &progress_), this);
  }
  int line() const { return line_; }
  const std::string& fault() const { return fault_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(true); }
  bool number_unsigned(number_unsigned_t) override { return value(true); }
  bool number_float(number_float_t, const string_t&) override { return value(true); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return open(false); }
  bool key(string_t& name) override {
    levels_.back().key = name;
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(true); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    line_ = progress_.line - (progress_.last == '\n' ? 1 : 0);
    fault_ = error.what();
    return false;
  }

 private:
  struct Level {
    bool is_array;
    std::size_t index;       // of the element that comes next
    std::string key;         // of the member that comes next
    std::size_t outer_size;  // of here_ before this level's values were added
  };

  // Appends what comes next to here_, whose length before that is returned.
  std::size_t enter() {
    const std::size_t size = here_.size();
    if (levels_.empty()) return size;
    const Level& level = levels_.back();
    if (level.is_array) {
      here_ += concat("[", level.index, "]");
    } else {
      here_ += (here_.empty() ? "" : ".") + level.key;
    }
    return size;
  }
  // A number ends only when the character after it has been read, which may be the newline.
  bool value(bool reads_ahead = false) {
    const std::size_t size = enter();
    if (here_ == place_) {
      line_ = progress_.line - (reads_ahead && progress_.last == '\n' ? 1 : 0);
      return false;
    }
    here_.resize(size);
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool open(bool is_array) {
    const std::size_t size = enter();
    if (here_ == place_) {
      line_ = progress_.line;
      return false;
    }
    levels_.push_back({is_array, 0, {}, size});
    return true;
  }
  bool close() {
    here_.resize(levels_.back().outer_size);
    levels_.pop_back();
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }

  std::string here_;  // the place of the value being read
  std::string place_;
  Progress progress_;
  std::vector<Level> levels_;
  int line_ = 1;
  std::string fault_;
};

// nlohmann's texts begin with "[json.exception.parse_error.101] parse error at line 3, column 5:
// syntax error ...".
std::string without_prefix(const std::string& text) {
  const std::size_t syntax = text.find("syntax error");
  if (syntax != std::string::npos) return text.substr(syntax);
  const std::size_t bracket = text.find("] ");
  return bracket == std::string::npos ? text : text.substr(bracket + 2);
}

std::string shown(const Json& json) {
  if (json.is_array()) return concat("a list of ", json.size());
  if (json.is_object()) return "an object";
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  constexpr std::size_t kLongest = 40;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace

JsonFile parse_json(std::string name, std::string text, int first_line) {
  JsonFile file{std::move(name), std::move(text), first_line, nullptr};
  try {
    file.root = std::make_shared<const Json>(Json::parse(file.text));
  } catch (const Json::exception& error) {
    const LineFinder finder(file.text, "no such place");
    throw Error(concat(file.name, ":", first_line - 1 + finder.line(), ": malformed JSON: ",
                       without_prefix(finder.fault().empty() ? error.what() : finder.fault())));
  }
  return file;
}

void Value::fail(const std::string& wanted) const {
  const int line = file_->first_line - 1 + LineFinder(file_->text, place_).line();
  throw Error(concat(file_->name, ":", line, ": ", place_.empty() ? "the file" : place_,
                     " must be ", wanted, ", got ", shown(json_of(json_))));
}

Value Value::at(std::string_view key) const {
  if (!json_of(json_).is_object()) fail("an object");
  const auto found = json_of(json_).find(key);
  if (found == json_of(json_).end()) fail(concat("an object with \"", key, "\""));
  return {file_, &*found, concat(place_, place_.empty() ? "" : ".", key)};
}

std::optional<Value> Value::find(std::string_view key) const {
  if (!json_of(json_).is_object()) fail("an object");
  const auto found = json_of(json_).find(key);
  if (found == json_of(json_).end() || found->is_null()) return std::nullopt;
  return at(key);
}

std::vector<Value> Value::items() const {
  if (!json_of(json_).is_array()) fail("a list");
  std::vector<Value> values;
  values.reserve(json_of(json_).size());
  for (std::size_t i = 0; i < json_of(json_).size(); ++i)
    values.push_back(Value(file_, &json_of(json_)[i], concat(place_, "[", i, "]")));
  return values;
}

std::vector<Value> Value::items(std::size_t count) const {
  if (!json_of(json_).is_array() || json_of(json_).size() != count)
    fail(concat("a list of ", count));
  return items();
}

double Value::number(Range range) const {
  const bool is_open = range.min <= -1e300 && range.max >= 1e300;
  const auto wanted = [&] {
    return is_open ? std::string("a number") : concat("a number in ", range.min, "..", range.max);
  };
  if (!json_of(json_).is_number()) fail(wanted());
  const double number = json_of(json_).get<double>();
  if (!(number >= range.min && number <= range.max)) fail(wanted());
  return number;
}

int Value::integer(int min, int max) const {
  const auto is_good = [&] {
    return json_of(json_).is_number_integer() && json_of(json_).get<double>() >= min &&
           json_of(json_).get<double>() <= max;
  };
  if (!is_good()) fail(concat("a whole number in ", min, "..", max));
  return json_of(json_).get<int>();
}

std::string Value::string() const {
  if (!json_of(json_).is_string()) fail("a string");
  return json_of(json_).get<std::string>();
}

std::string Value::string(bool (*accepts)(const std::string&), const std::string& wanted) const {
  if (!json_of(json_).is_string() || !accepts(string())) fail(wanted);
  return string();
}

std::vector<double> Value::numbers(std::optional<std::size_t> count, Range range) const {
  if (!json_of(json_).is_array()) fail("a list of numbers");
  if (count && json_of(json_).size() != *count) fail(concat("a list of ", *count, " numbers"));
  std::vector<double> values;
  values.reserve(json_of(json_).size());
  for (std::size_t i = 0; i < json_of(json_).size(); ++i) {
    const Json& item = json_of(json_)[i];
    if (item.is_null()) {
      values.push_back(std::numeric_limits<double>::quiet_NaN());
    } else {
      const double number = item.is_number() ? item.get<double>() : range.min - 1;
      if (!item.is_number() || !(number >= range.min && number <= range.max))
        (void)Value(file_, &item, concat(place_, "[", i, "]")).number(range);
      values.push_back(number);
    }
  }
  return values;
}

std::vector<std::string> Value::keys() const {
  if (!json_of(json_).is_object()) fail("an object");
  std::vector<std::string> names;
  for (const auto& [name, value] : json_of(json_).items()) names.push_back(name);
  return names;
}

std::string Value::dump() const { return json_of(json_).dump(); }

std::optional<double> Value::maybe_number(std::string_view key, Range range) const {
  const auto value = find(key);
  return value ? std::optional(value->number(range)) : std::nullopt;
}

std::string Value::maybe_string(std::string_view key) const {
  const auto value = find(key);
  return value ? value->string() : std::string();
}

}  // namespace clew::report
