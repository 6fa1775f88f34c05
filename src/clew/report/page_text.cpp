// SPDX-License-Identifier: Apache-2.0
#include "clew/report/page_text.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/text.h"

namespace clew::report {
namespace {

constexpr std::size_t kMostTiles = 4;  // of measures

std::string count(double value) {
  if (value >= 1e9) return fixed(value / 1e9, 2) + " billion";
  if (value >= 1e6) return fixed(value / 1e6, value >= 1e8 ? 0 : 1) + " million";
  if (value >= 1e4) return fixed(value / 1e3, 0) + " thousand";
  return fixed(value, 0);
}

std::string duration(double seconds) {
  const auto plural = [](long long n, const char* unit) {
    return concat(n, " ", unit, n == 1 ? "" : "s");
  };
  if (seconds < 90) return plural(std::llround(seconds), "second");
  const long long minutes = std::llround(seconds / 60);
  if (minutes < 100) return plural(minutes, "minute");
  const std::string rest = minutes % 60 == 0 ? "" : concat(" ", minutes % 60, " min");
  return minutes < 48 * 60 ? concat(minutes / 60, " h", rest)
                           : concat(minutes / 1440, " d ", minutes / 60 % 24, " h");
}

// Short duration for a tile: 45 s, 15 min, 2.5 h.
std::string short_duration(double seconds) {
  if (seconds < 90) return fixed(seconds, 0) + " s";
  return seconds < 6000 ? fixed(seconds / 60, 0) + " min" : fixed(seconds / 3600, 1) + " h";
}

std::string short_count(double value) {
  return value >= 1e6   ? figure(value / 1e6) + "M"
         : value >= 1e4 ? figure(value / 1e3) + "k"
                        : fixed(value, 0);
}

std::optional<double> last(const RunData& run, const std::string& name) {
  const auto column = run.metrics.find(name);
  if (column == run.metrics.end()) return std::nullopt;
  for (auto value = column->second.rbegin(); value != column->second.rend(); ++value)
    if (!std::isnan(*value)) return *value;
  return std::nullopt;
}

/// "Trained for 2.0 million agent steps (8.2 million frames) in 3 minutes."
std::string training_text(const RunData& run) {
  const auto steps = last(run, "step"), seconds = last(run, "seconds");
  if (!steps) return "Training has not written a line yet.";
  auto text = concat("Trained for <b>", count(*steps), "</b> ", escape(run.about.step_name));
  if (const auto frames = last(run, "frames")) {
    text += concat(" (", count(*frames), " frames)");
  } else if (const auto epochs = last(run, "epoch")) {
    text += concat(" (", figure(*epochs), " times through the examples)");
  }
  if (seconds) text += concat(" in <b>", duration(*seconds), "</b>");
  return text + ".";
}

std::string tile(const std::string& value, const std::string& label) {
  return concat("<div class=\"tile\"><div class=\"tile-value\">", value,
                "</div><div class=\"tile-label\">", label, "</div></div>\n");
}

std::string spaced(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

/// First measures of the evaluation; without one, last values of the first plot.
std::string measure_tiles(const RunData& run) {
  std::string tiles;
  std::size_t made = 0;
  if (run.evaluation) {
    for (const auto& measure : run.evaluation->measures) {
      if (!std::isfinite(measure.value) || made == kMostTiles) continue;
      const bool is_plain = measure.unit.empty();
      tiles += tile(is_plain && measure.value >= 1e4 ? short_count(measure.value)
                                                     : with_unit(measure.value, measure.unit),
                    escape(concat(spaced(measure.name),
                                  is_plain || measure.unit == "share" || measure.unit == "s"
                                      ? ""
                                      : concat(", ", measure.unit))));
      ++made;
    }
    return tiles;
  }
  for (const auto& plot : run.about.plots) {
    if (plot.place != runs::PlotPlace::kFirst) continue;
    for (const auto& line : plot.lines) {
      if (const auto value = last(run, line.metric))
        tiles += tile(with_unit(*value, plot.unit),
                      escape(concat(plot.title, ", ", line.name, ", last measured")));
    }
  }
  return tiles;
}

std::string single_headline(const RunData& run) {
  auto text = concat("<p class=\"lead\">", training_text(run));
  if (run.evaluation) text += concat(" ", escape(run.evaluation->summary));
  for (const auto& note : run.about.notes) text += concat(" ", escape(note));
  text += "</p>\n";
  auto tiles = measure_tiles(run);
  const auto steps = last(run, "step"), seconds = last(run, "seconds");
  if (seconds) tiles += tile(short_duration(*seconds), "of training");
  if (steps && seconds && *seconds > 0)
    tiles += tile(short_count(*steps / *seconds), escape(run.about.step_name) + " a second");
  return text + (tiles.empty() ? "" : concat("<div class=\"tiles\">\n", tiles, "</div>\n"));
}

/// Prefix of paragraphs about a run, if there are several.
std::string who(std::span<const RunData> runs, const RunData& run) {
  return runs.size() > 1 ? escape(run.name) + ": " : "";
}

}  // namespace

std::string escape(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&#39;";
        break;
      default:
        safe += c;
    }
  }
  return safe;
}

std::string with_unit(double value, const std::string& unit) {
  if (unit == "share") return fixed(100 * value, std::fabs(value) < 0.0995 ? 2 : 1) + " %";
  return unit == "s" ? figure(value) + " s" : figure(value);
}

std::string title(std::span<const RunData> runs) {
  return runs.size() == 1 ? runs[0].title() : concat(runs.size(), " runs compared");
}

std::string headline(std::span<const RunData> runs) {
  if (runs.size() == 1) return single_headline(runs[0]);
  std::string text = "<ol class=\"runs\">\n";
  int number = 0;
  for (const RunData& run : runs) {
    text += concat(
        "<li><span class=\"swatch run-", ++number, "\"></span><b>", escape(run.title()), "</b>",
        run.about.title.empty() ? ""
                                : concat(" <span class=\"unit\">", escape(run.name), "</span>"),
        "<br>", training_text(run), run.evaluation ? " " + escape(run.evaluation->summary) : "",
        "</li>\n");
  }
  return text + "</ol>\n";
}

std::string configs(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs)
    text += concat("<details", runs.size() == 1 ? " open" : "", "><summary>",
                   escape((run.folder / "config.toml").string()), "</summary><pre>",
                   escape(run.config), "</pre></details>\n");
  return text;
}

std::string notes(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs)
    for (const std::string& note : run.notes)
      text += concat("<p class=\"missing\">", who(runs, run), escape(note), "</p>\n");
  return text;
}

std::string missing_metrics(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs) {
    if (!run.metrics.empty()) continue;
    text +=
        concat("<p class=\"missing\">", who(runs, run), "No learning curve yet: <code>clew train ",
               escape(run.folder.string()), " --resume</code> writes one while it trains.</p>\n");
  }
  return text;
}

}  // namespace clew::report
