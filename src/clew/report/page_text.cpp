// SPDX-License-Identifier: Apache-2.0
#include "clew/report/page_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "clew/core/error.h"
#include "clew/report/class_text.h"

namespace clew::report {

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  // "-0.0" says nothing that "0.0" does not.
  const std::string result = text.data();
  return result.find_first_not_of("-0.") == std::string::npos && result[0] == '-' ? result.substr(1)
                                                                                  : result;
}

namespace {

// Three digits that count: 0.123, 1.23, 12.3, 123, 1234.
std::string figure(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::fabs(value);
  if (size >= 1e7) return fixed(value / 1e6, 0) + "M";
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

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

// For a tile: 45 s, 15 min, 2.5 h.
std::string short_duration(double seconds) {
  if (seconds < 90) return fixed(seconds, 0) + " s";
  return seconds < 6000 ? fixed(seconds / 60, 0) + " min" : fixed(seconds / 3600, 1) + " h";
}

std::string short_count(double value) {
  return value >= 1e6   ? figure(value / 1e6) + "M"
         : value >= 1e4 ? figure(value / 1e3) + "k"
                        : fixed(value, 0);
}

std::string percent(double share) {
  return fixed(share * 100, share < 0.0995 && share > 0 ? 1 : 0) + " %";
}

std::optional<double> last(const RunData& run, const std::string& name) {
  const auto column = run.metrics.find(name);
  if (column == run.metrics.end()) return std::nullopt;
  for (auto value = column->second.rbegin(); value != column->second.rend(); ++value)
    if (!std::isnan(*value)) return *value;
  return std::nullopt;
}

// The mean score of the last tenth of the lines, weighted by episodes.
std::optional<double> late_score(const RunData& run) {
  const auto score = run.metrics.find("score");
  if (score == run.metrics.end()) return std::nullopt;
  const auto episodes = run.metrics.find("episodes");
  const std::size_t rows = score->second.size();
  double sum = 0, weights = 0;
  for (std::size_t row = rows - std::max<std::size_t>(1, rows / 10); row < rows; ++row) {
    if (std::isnan(score->second[row])) continue;
    const double weight =
        episodes != run.metrics.end() && episodes->second[row] > 0 ? episodes->second[row] : 1.0;
    sum += weight * score->second[row];
    weights += weight;
  }
  return weights > 0 ? std::optional(sum / weights) : std::nullopt;
}

std::string level_of(const RunData& run) {
  if (run.evaluation && !run.evaluation->level.empty()) return run.evaluation->level;
  if (!run.trace_level.empty()) return run.trace_level;
  return setting(run.config, "level");
}

std::string name_of(const RunData& run) {
  if (!run.is_navigator()) return run.name;
  const std::string level = level_of(run), agent = setting(run.config, "agent");
  if (level.empty()) return run.name;
  return agent.empty() ? level : concat(agent, " on ", level);
}

const Player* player(const RunData& run, const std::string& name) {
  return run.evaluation ? run.evaluation->player(name) : nullptr;
}

std::optional<double> number(const Player* player, const std::string& name) {
  if (player == nullptr) return std::nullopt;
  const auto found = player->numbers.find(name);
  return found == player->numbers.end() ? std::nullopt : std::optional(found->second);
}

// How the agent did, in a sentence or two; nothing before there is an evaluation.
std::string verdict(const RunData& run) {
  if (!run.is_navigator()) return class_verdict(run);
  const Player* agent = player(run, "agent");
  if (agent == nullptr) return {};
  std::string text = concat("Over ", run.evaluation->episodes, " test episodes it scores <b>",
                            figure(agent->score_mean), "</b> an episode");
  if (const auto error = number(agent, "score_stderr"))
    text += concat(" (standard error ", figure(*error), ")");
  const Player* random = player(run, "random");
  const Player* oracle = player(run, "shortest path");
  if (random != nullptr) {
    text +=
        random->score_mean > 0 && agent->score_mean > 0
            ? concat(", <b>", figure(agent->score_mean / random->score_mean), " times</b> the ",
                     figure(random->score_mean), " of a player that acts at random")
            : concat(", against ", figure(random->score_mean), " for a player that acts at random");
  }
  if (oracle != nullptr) {
    text += oracle->score_mean > 0 ? concat(random != nullptr ? " and <b>" : ", <b>",
                                            percent(agent->score_mean / oracle->score_mean),
                                            "</b> of the ", figure(oracle->score_mean),
                                            " of the shortest-path player, who knows the map")
                                   : concat(", against ", figure(oracle->score_mean),
                                            " for the shortest-path player, who knows the map");
  }
  text += ".";
  const auto first = number(agent, "latency_first_s"), later = number(agent, "latency_later_s");
  if (first)
    text +=
        concat(" It takes ", figure(*first), " s to find the goal the first time in an episode");
  if (first && later) text += concat(" and ", figure(*later), " s each time after that");
  if (first) text += ".";
  return text;
}

std::string tile(const std::string& value, const std::string& label) {
  return concat("<div class=\"tile\"><div class=\"tile-value\">", value,
                "</div><div class=\"tile-label\">", label, "</div></div>\n");
}

std::string how_to_evaluate(const RunData& run) {
  if (!run.summary.empty()) return concat("<p>", escape(run.summary), "</p>\n");
  if (!run.is_navigator())
    return concat("<p class=\"missing\">Not evaluated yet: <code>clew eval ",
                  escape(run.folder.string()), "</code> tries it on the test set.</p>\n");
  return concat("<p class=\"missing\">Not evaluated yet: <code>clew eval ",
                escape(run.folder.string()),
                "</code> compares the agent with a random and a shortest-path player.</p>\n");
}

std::string class_headline(const RunData& run) {
  const auto steps = last(run, "step"), epochs = last(run, "epoch"), seconds = last(run, "seconds"),
             error = last(run, "val_error");
  std::string text = "<p class=\"lead\">";
  if (steps) {
    text += concat("The network learned from examples for <b>", count(*steps), "</b> steps");
    if (epochs) text += concat(" (", figure(*epochs), " times through them)");
    if (seconds) text += concat(" in <b>", duration(*seconds), "</b>");
    text += ". ";
  } else {
    text += "Training has not written a line yet. ";
  }
  text += verdict(run);
  if (setting(run.config, "source") == "procedural")
    text += " The digits are drawn from strokes; they are not MNIST's.";
  text += "</p>\n";
  std::string tiles;
  if (run.classes) {
    tiles += tile(fixed(100 * run.classes->error, 2) + " %", "errors on the test set");
    if (run.classes->parameters > 0)
      tiles += tile(short_count(run.classes->parameters), "parameters");
  } else if (error) {
    tiles += tile(fixed(100 * *error, 2) + " %", "errors on the validation set, last time");
  }
  if (seconds) tiles += tile(short_duration(*seconds), "of training");
  if (steps && seconds && *seconds > 0)
    tiles += tile(short_count(*steps / *seconds), "steps a second");
  return text + (tiles.empty() ? "" : concat("<div class=\"tiles\">\n", tiles, "</div>\n"));
}

std::string single_headline(const RunData& run) {
  if (!run.is_navigator()) return class_headline(run);
  const std::string level = level_of(run);
  const auto steps = last(run, "step"), frames = last(run, "frames"),
             seconds = last(run, "seconds");
  std::string text = "<p class=\"lead\">";
  if (steps) {
    text += concat("The agent learned ",
                   level.empty() ? "its maze" : concat("<b>", escape(level), "</b>"),
                   " from what it sees: <b>", count(*steps), "</b> agent steps");
    if (frames) text += concat(" (", count(*frames), " frames)");
    if (seconds) text += concat(" in <b>", duration(*seconds), "</b>");
    text += ". ";
  } else {
    text += "Training has not written a line yet. ";
  }
  const std::string result = verdict(run);
  const auto score = late_score(run);
  if (!result.empty()) {
    text += result;
  } else if (score) {
    text +=
        concat("In the last tenth of training it scored <b>", figure(*score), "</b> an episode.");
  }
  text += "</p>\n";

  std::string tiles;
  if (const Player* agent = player(run, "agent")) {
    tiles += tile(figure(agent->score_mean), "score, reward per episode");
    const Player* random = player(run, "random");
    const Player* oracle = player(run, "shortest path");
    if (random != nullptr && random->score_mean > 0 && agent->score_mean > 0)
      tiles +=
          tile(concat(figure(agent->score_mean / random->score_mean), " ×"), "the random player");
    if (oracle != nullptr && oracle->score_mean > 0)
      tiles += tile(percent(agent->score_mean / oracle->score_mean), "of the shortest path");
    if (const auto share = number(agent, "goal_share"))
      tiles += tile(percent(*share), "of episodes reach the goal");
  } else if (score) {
    tiles += tile(figure(*score), "score at the end of training");
  }
  if (seconds) tiles += tile(short_duration(*seconds), "of training");
  if (const auto rate =
          steps && seconds && *seconds > 0 ? std::optional(*steps / *seconds) : std::nullopt)
    tiles += tile(short_count(*rate), "agent steps a second");
  return text + (tiles.empty() ? "" : concat("<div class=\"tiles\">\n", tiles, "</div>\n"));
}

/// Of which step the evaluated weights are, and whether the run has gone further since.
std::string ages_of_weights(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs) {
    if (!run.evaluated_step) continue;
    const auto step = last(run, "step");
    text += concat("<p class=\"note\">",
                   runs.size() > 1 ? escape(run.name) + ": evaluated" : "Evaluated", " at step ",
                   fixed(*run.evaluated_step, 0), ".");
    if (step && run.evaluated_run_step && *step > *run.evaluated_run_step)
      text += concat(" The run has gone on since, to step ", fixed(*step, 0), ": <code>clew eval ",
                     escape(run.folder.string()), "</code> looks at what it has learned.");
    text += "</p>\n";
  }
  return text;
}

struct Column {
  const char* key;
  const char* title;
  const char* unit;
  bool is_share;
};
constexpr std::array<Column, 8> kColumns = {
    {{"goals_mean", "Goals", "per episode", false},
     {"goal_share", "Reached", "episodes with a goal", true},
     {"latency_first_s", "First goal", "seconds to it", false},
     {"latency_later_s", "Later goals", "seconds to each", false},
     {"depth1_accuracy", "Depth 1", "accuracy", true},
     {"depth2_accuracy", "Depth 2", "accuracy", true},
     {"loop_f1", "Loop", "F1", true},
     {"loop_accuracy", "Loop", "accuracy", true}}};

std::string players_rows(const RunData& run, const std::vector<Column>& columns, double best,
                         bool show_run) {
  std::string rows;
  for (const Player& player : run.evaluation->players) {
    const double width = best > 0 ? std::clamp(player.score_mean / best, 0.0, 1.0) * 100 : 0;
    rows += concat("<tr", player.name == "agent" ? " class=\"agent\"" : "", "><th scope=\"row\">",
                   escape(player.name),
                   show_run ? concat("<span class=\"unit\">", escape(run.name), "</span>") : "",
                   "</th><td class=\"score\"><span class=\"bar\" style=\"width:", fixed(width, 1),
                   "%\"></span><span>", figure(player.score_mean));
    if (const auto error = number(&player, "score_stderr"))
      rows += concat(" <small>± ", figure(*error), "</small>");
    rows += "</span></td>";
    for (const Column& column : columns) {
      const auto value = number(&player, column.key);
      rows += concat("<td>", value ? (column.is_share ? percent(*value) : figure(*value)) : "–",
                     "</td>");
    }
    rows += "</tr>\n";
  }
  return rows;
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

std::string title(std::span<const RunData> runs) {
  return runs.size() == 1 ? name_of(runs[0]) : concat(runs.size(), " runs compared");
}

std::string headline(std::span<const RunData> runs) {
  if (runs.size() == 1) return single_headline(runs[0]);
  std::string text = "<ol class=\"runs\">\n";
  int number = 0;
  for (const RunData& run : runs) {
    const auto steps = last(run, "step"), seconds = last(run, "seconds");
    text += concat("<li><span class=\"swatch run-", ++number, "\"></span><b>", escape(name_of(run)),
                   "</b> <span class=\"unit\">", escape(run.name), "</span><br>");
    if (steps)
      text += concat(count(*steps), run.is_navigator() ? " agent steps" : " steps",
                     seconds ? concat(" in ", duration(*seconds)) : "", ". ");
    text += concat(verdict(run), "</li>\n");
  }
  return text + "</ol>\n";
}

std::string evaluation_table(std::span<const RunData> runs) {
  std::string text;
  double best = 0;
  std::vector<Column> columns;
  for (const RunData& run : runs) {
    if (!run.evaluation) continue;
    for (const Player& player : run.evaluation->players) best = std::max(best, player.score_mean);
  }
  for (const Column& column : kColumns) {
    const bool is_used = std::any_of(runs.begin(), runs.end(), [&](const RunData& run) {
      return run.evaluation &&
             std::any_of(run.evaluation->players.begin(), run.evaluation->players.end(),
                         [&](const Player& p) { return p.numbers.count(column.key) != 0; });
    });
    if (is_used) columns.push_back(column);
  }
  std::string rows;
  for (const RunData& run : runs) {
    if (run.classes) {
      text += confusion_table(run);
    } else if (run.evaluation) {
      rows += players_rows(run, columns, best, runs.size() > 1);
    } else {
      text += how_to_evaluate(run);
    }
  }
  const std::string ages = ages_of_weights(runs);
  if (rows.empty()) return text + ages;
  std::string head =
      "<tr><th scope=\"col\">Player</th><th scope=\"col\">Score<span class=\"unit\">reward per "
      "episode</span></th>";
  for (const Column& column : columns)
    head += concat("<th scope=\"col\">", column.title, "<span class=\"unit\">", column.unit,
                   "</span></th>");
  text += concat("<div class=\"scroll\"><table>\n<thead>", head, "</tr></thead>\n<tbody>\n", rows,
                 "</tbody></table></div>\n");
  for (const RunData& run : runs) {
    if (!run.evaluation) continue;
    text +=
        concat("<p class=\"note\">", runs.size() > 1 ? escape(run.name) + ": " : "",
               run.evaluation->episodes, " episodes",
               run.evaluation->level.empty() ? "" : concat(" of ", escape(run.evaluation->level)),
               run.evaluation->seed.empty() ? "" : concat(", seed ", escape(run.evaluation->seed)),
               ". ± is one standard error of the mean.</p>\n");
  }
  return text + ages;
}

std::string configs(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs)
    text += concat("<details", runs.size() == 1 ? " open" : "", "><summary>",
                   escape((run.folder / "config.toml").string()), "</summary><pre>",
                   escape(run.config), "</pre></details>\n");
  return text;
}

std::string notes(const RunData& run, const std::string& who) {
  std::string text;
  for (const std::string& note : run.notes)
    text += concat("<p class=\"missing\">", who, escape(note), "</p>\n");
  return text;
}

std::string missing(std::span<const RunData> runs, std::string_view part) {
  std::string text;
  for (const RunData& run : runs) {
    const std::string who = runs.size() > 1 ? escape(run.name) + ": " : "";
    const std::string folder = escape(run.folder.string());
    if (part == "metrics" && run.metrics.empty())
      text += concat("<p class=\"missing\">", who, "No learning curve yet: <code>clew train ",
                     folder, " --resume</code> writes one while it trains.</p>\n");
    if (part == "trace" && !run.has_trace() && run.is_navigator())
      text += concat("<p class=\"missing\">", who, "No episode recorded yet: <code>clew eval ",
                     folder, "</code> plays some and keeps what the agent saw.</p>\n");
    if (part == "trace" && run.is_navigator()) text += notes(run, who);
  }
  return text;
}

}  // namespace clew::report
