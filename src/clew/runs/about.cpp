// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/about.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/runs/json_file.h"

namespace clew::runs {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::uint64_t kLongestAbout = std::uint64_t{1} << 22;

Plot read_plot(const Value& value) {
  Plot plot{.title = value.at("title").string(), .unit = value.maybe_string("unit")};
  plot.place = value.at("place").choice<PlotPlace>();
  plot.has_zero = value.maybe_flag("has_zero");
  for (const auto& line : value.at("lines").items()) {
    plot.lines.push_back({.metric = line.at("metric").string(),
                          .name = line.at("name").string(),
                          .is_rare = line.maybe_flag("is_rare"),
                          .weight = line.maybe_string("weight")});
  }
  for (const auto& item : value.maybe_items("references"))
    plot.references.push_back({.metric = item.maybe_string("metric"),
                               .name = item.at("name").string(),
                               .value = item.at("value").number()});
  return plot;
}

/// "top1_error" -> "Top1 error".
std::string title_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

}  // namespace

void write_about(const std::filesystem::path& run, const RunAbout& about) {
  OrderedJson plots = OrderedJson::array();
  for (const auto& plot : about.plots) {
    OrderedJson lines = OrderedJson::array(), references = OrderedJson::array();
    for (const auto& line : plot.lines) {
      lines.push_back({{"metric", line.metric},
                       {"name", line.name},
                       {"is_rare", line.is_rare},
                       {"weight", line.weight}});
    }
    for (const auto& reference : plot.references)
      references.push_back({{"name", reference.name}, {"value", reference.value}});
    plots.push_back({{"title", plot.title},
                     {"unit", plot.unit},
                     {"place", name_of(plot.place)},
                     {"has_zero", plot.has_zero},
                     {"lines", lines},
                     {"references", references}});
  }
  const OrderedJson root = {{"title", about.title},
                            {"step_name", about.step_name},
                            {"notes", about.notes},
                            {"plots", plots}};
  write_file_atomic(run / "run.json",
                    root.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

RunAbout read_about(const std::filesystem::path& run) {
  const auto path = run / "run.json";
  if (!path_exists(path)) return {};
  const auto file = parse_json(path.string(), read_file(path, kLongestAbout));
  const Value root(file);
  RunAbout about{.title = root.maybe_string("title"), .step_name = root.at("step_name").string()};
  for (const auto& note : root.maybe_items("notes")) about.notes.push_back(note.string());
  for (const auto& plot : root.maybe_items("plots")) about.plots.push_back(read_plot(plot));
  return about;
}

std::vector<Plot> learning_plots(const std::vector<Measure>& measures, const std::string& monitor) {
  std::vector<Plot> plots;
  for (const auto& measure : measures) {
    plots.push_back(
        {.title = title_of(measure.name),
         .unit = measure.unit,
         .lines = {{.metric = "val_" + measure.name, .name = "validation set", .is_rare = true},
                   {.metric = measure.name, .name = "training"}},
         .place = measure.name == monitor ? PlotPlace::kFirst : PlotPlace::kSecond});
  }
  std::ranges::stable_sort(plots, {}, &Plot::place);
  plots.push_back({.title = "Speed",
                   .unit = "steps a second",
                   .lines = {{.metric = "steps_per_second", .name = "speed"}}});
  for (const auto& [metric, title] :
       {std::pair{"grad_norm", "Gradient norm"}, std::pair{"lr", "Learning rate"}}) {
    plots.push_back({.title = title,
                     .lines = {{.metric = metric, .name = title}},
                     .place = PlotPlace::kHidden});
  }
  return plots;
}

}  // namespace clew::runs
