// SPDX-License-Identifier: Apache-2.0
#include "clew/runs/gallery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/runs/folder.h"
#include "clew/runs/gallery_json.h"

namespace clew::runs {
namespace {

namespace fs = std::filesystem;
using OrderedJson = nlohmann::ordered_json;

constexpr std::uint64_t kLongestGallery = std::uint64_t{1} << 26;
constexpr std::string_view kEnding = ".png";

bool is_inside(const std::string& path) {
  const fs::path parts(path);
  return !path.empty() && parts.is_relative() &&
         std::none_of(parts.begin(), parts.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace

fs::path picture_folder(const fs::path& run) { return run / "pictures"; }

fs::path step_picture(const fs::path& run, std::string_view name, std::int64_t steps) {
  return picture_folder(run) / concat(name, "_", step_digits(steps), kEnding);
}

std::vector<fs::path> step_pictures(const fs::path& run, std::string_view name) {
  std::vector<fs::path> files;
  const auto digits = step_digits(0).size();
  const auto head = concat(name, "_");
  std::error_code error;
  for (const auto& item : fs::directory_iterator(picture_folder(run), error)) {
    const auto file = item.path().filename().string();
    if (file.size() == head.size() + digits + kEnding.size() && file.starts_with(head) &&
        file.ends_with(kEnding) &&
        file.find_first_not_of("0123456789", head.size()) == head.size() + digits)
      files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());  // names sort by step
  return files;
}

Pictures pictures_of_steps(const fs::path& run, std::string_view name, std::string title,
                           std::string caption) {
  Pictures pictures{.title = std::move(title), .caption = std::move(caption)};
  for (const auto& file : step_pictures(run, name)) {
    pictures.files.push_back(file.lexically_relative(run).generic_string());
    pictures.labels.push_back(
        concat("step ", std::stoll(file.stem().string().substr(name.size() + 1))));
  }
  return pictures;
}

bool is_pictured(std::int64_t steps) {
  std::int64_t next = 1;
  while (next < steps) next += std::max<std::int64_t>(1, next / 4);
  return next == steps;
}

std::string pictures_json(std::span<const Pictures> gallery) {
  OrderedJson items = OrderedJson::array();
  for (const auto& pictures : gallery) {
    if (pictures.files.empty()) continue;
    items.push_back({{"title", pictures.title},
                     {"caption", pictures.caption},
                     {"files", pictures.files},
                     {"labels", pictures.labels}});
  }
  return items.dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

std::vector<Pictures> read_pictures(const std::vector<Value>& items) {
  std::vector<Pictures> gallery;
  for (const auto& item : items) {
    Pictures pictures{.title = item.at("title").string(), .caption = item.maybe_string("caption")};
    const auto files = item.at("files").items();
    for (const auto& file : files)
      pictures.files.push_back(file.string(is_inside, "a path inside the run folder"));
    for (const auto& label : item.at("labels").items(files.size()))
      pictures.labels.push_back(label.string());
    gallery.push_back(std::move(pictures));
  }
  return gallery;
}

void write_gallery(const fs::path& run, std::span<const Pictures> gallery) {
  write_file_atomic(run / "gallery.json", concat("{\"items\": ", pictures_json(gallery), "}\n"));
}

std::vector<Pictures> read_gallery(const fs::path& run) {
  const auto path = run / "gallery.json";
  if (!path_exists(path)) return {};
  const auto file = parse_json(path.string(), read_file(path, kLongestGallery));
  return read_pictures(Value(file).at("items").items());
}

}  // namespace clew::runs
