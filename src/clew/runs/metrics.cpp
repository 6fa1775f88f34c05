// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/metrics.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::runs {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::uint64_t kLongestMetrics = std::uint64_t{1} << 32;

void append_number(std::string& line, double value) {
  if (value == 0 && std::signbit(value)) {
    line += "-0.0";  // "-0" would be parsed as the integer 0
    return;
  }
  std::array<char, 32> digits;
  char* const begin = digits.data();
  // Integers are written without an exponent, up to 2^53, where doubles are exact.
  const bool is_whole = value == std::floor(value) && std::fabs(value) < 0x1p53;
  const auto end =
      is_whole ? std::to_chars(begin, begin + digits.size(), static_cast<std::int64_t>(value))
               : std::to_chars(begin, begin + digits.size(), value);
  line.append(begin, end.ptr);
}

struct Parsed {
  std::vector<MetricsLine> lines;
  std::vector<std::size_t> ends;  // byte after each line's closing brace
  bool is_last_open = false;      // the last one has no newline
};

// Parses a line; returns an error message.
std::optional<std::string> parse_line(std::string_view text, MetricsLine& line) {
  OrderedJson object;
  try {
    object = OrderedJson::parse(text);
  } catch (const OrderedJson::parse_error& error) {
    return concat("malformed JSON: wrong at byte ", error.byte, " of the line");
  } catch (const OrderedJson::exception&) {
    return std::string("malformed JSON: a number is too large");
  }
  if (!object.is_object()) return concat("a line must be a JSON object, got ", object.type_name());
  const auto step = object.find("step");
  if (step == object.end() || !step->is_number_integer())
    return std::string("\"step\" must be a whole number");
  line.step = step->get<std::int64_t>();
  for (const auto& [name, value] : object.items()) {
    if (name == "step") continue;
    if (!value.is_number() && !value.is_null())
      return concat("\"", name, "\" must be a number or null, got ", value.type_name());
    line.metrics.push_back(
        {name, value.is_null() ? std::nullopt : std::optional(value.get<double>())});
  }
  return std::nullopt;
}

Parsed parse(const std::filesystem::path& path) {
  const std::string text = read_file(path, kLongestMetrics);
  Parsed parsed;
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < text.size(); ++number) {
    const std::size_t newline = text.find('\n', begin);
    const std::size_t end = newline == std::string::npos ? text.size() : newline;
    MetricsLine line;
    if (const auto fault = parse_line(std::string_view(text).substr(begin, end - begin), line)) {
      // Only the last write can be partial, and then lacks its newline.
      if (newline == std::string::npos) break;
      throw Error(concat(path.string(), ":", number, ": ", *fault));
    }
    CLEW_CHECK(parsed.lines.empty() || line.step >= parsed.lines.back().step, path.string(), ":",
               number, ": steps must not go back, got ", line.step, " after ",
               parsed.lines.back().step);
    parsed.lines.push_back(std::move(line));
    parsed.ends.push_back(end);
    parsed.is_last_open = newline == std::string::npos;
    begin = end + 1;
  }
  return parsed;
}

// Writes all of `text`; false with errno.
bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(file, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

std::optional<double> MetricsLine::get(std::string_view name) const {
  for (const auto& metric : metrics) {
    if (metric.name == name)
      return metric.value && std::isfinite(*metric.value) ? metric.value : std::nullopt;
  }
  return std::nullopt;
}

std::string metrics_line(std::int64_t step, std::span<const Metric> metrics) {
  std::string line = "{\"step\": " + std::to_string(step);
  for (const Metric& metric : metrics) {
    line += ", " + OrderedJson(metric.name).dump() + ": ";
    if (metric.value && std::isfinite(*metric.value)) {
      append_number(line, *metric.value);
    } else {
      line += "null";
    }
  }
  return line + "}\n";
}

MetricsWriter::MetricsWriter(std::filesystem::path path, std::int64_t last_step)
    : path_(std::move(path)) {
  bool needs_newline = false;
  if (path_exists(path_)) {
    const Parsed parsed = parse(path_);
    std::size_t kept = parsed.lines.size();
    while (kept > 0 && parsed.lines[kept - 1].step > last_step) --kept;
    if (kept > 0) {
      size_ = static_cast<std::int64_t>(parsed.ends[kept - 1]) + 1;
      last_step_ = parsed.lines[kept - 1].step;
      needs_newline = parsed.is_last_open && kept == parsed.lines.size();
    }
  }
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  CLEW_CHECK(file_ >= 0, "cannot write '", path_.string(), "': ", std::strerror(errno));
  const bool is_ready = needs_newline ? write_all(file_, "\n") : ::ftruncate(file_, size_) == 0;
  if (!is_ready) {
    const int cause = errno;
    ::close(file_);
    throw Error(concat("cannot write '", path_.string(), "': ", std::strerror(cause)));
  }
}

MetricsWriter::~MetricsWriter() {
  if (file_ >= 0) ::close(file_);
}

void MetricsWriter::append(std::int64_t step, std::span<const Metric> metrics) {
  CLEW_CHECK(step >= last_step_, path_.string(), ": steps must not go back, got ", step, " after ",
             last_step_);
  const std::string line = metrics_line(step, metrics);
  if (!write_all(file_, line)) {
    const int cause = errno;
    // A full disk may have a partial line; readers skip it even if truncation fails.
    [[maybe_unused]] const int ignored = ::ftruncate(file_, size_);
    throw Error(concat("cannot write '", path_.string(), "': ", std::strerror(cause)));
  }
  size_ += static_cast<std::int64_t>(line.size());
  last_step_ = step;
}

void MetricsWriter::sync() {
  CLEW_CHECK(::fdatasync(file_) == 0, "cannot write '", path_.string(),
             "': ", std::strerror(errno));
}

std::vector<MetricsLine> read_metrics(const std::filesystem::path& path) {
  return parse(path).lines;
}

}  // namespace clew::runs
