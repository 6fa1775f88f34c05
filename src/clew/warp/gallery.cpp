// SPDX-License-Identifier: Apache-2.0
#include "clew/warp/gallery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/train/run_folder.h"

namespace clew::warp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWarps = "warps_", kEnding = ".png";

}  // namespace

fs::path picture_folder(const fs::path& run) { return run / "pictures"; }

fs::path warp_picture(const fs::path& run, std::int64_t steps) {
  return picture_folder(run) / concat(kWarps, train::step_digits(steps), kEnding);
}

std::vector<fs::path> warp_pictures(const fs::path& run) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(picture_folder(run), error)) {
    const auto name = item.path().filename().string();
    const auto digits = train::step_digits(0).size();
    if (name.size() == kWarps.size() + digits + kEnding.size() && name.starts_with(kWarps) &&
        name.ends_with(kEnding) &&
        name.find_first_not_of("0123456789", kWarps.size()) == kWarps.size() + digits)
      files.push_back(item.path());
  }
  std::sort(files.begin(), files.end());  // so do the names
  return files;
}

fs::path mistakes_picture(const fs::path& run) { return picture_folder(run) / "mistakes.png"; }

bool is_pictured(std::int64_t steps) {
  std::int64_t next = 1;
  while (next < steps) next += std::max<std::int64_t>(1, next / 4);
  return next == steps;
}

void write_gallery(const fs::path& run) {
  auto items = nlohmann::json::array();
  nlohmann::json files = nlohmann::json::array(), labels = nlohmann::json::array();
  for (const auto& file : warp_pictures(run)) {
    files.push_back(file.lexically_relative(run).generic_string());
    labels.push_back(concat("step ", std::stoll(file.stem().string().substr(kWarps.size()))));
  }
  if (!files.empty())
    items.push_back(
        {{"title", "What the transformers do"},
         {"caption",
          "Digits of the test set with the lines of the sampling grid drawn on them, and "
          "beside each what its transformer gives to the classifier, over the training."},
         {"files", std::move(files)},
         {"labels", std::move(labels)}});
  if (const auto mistakes = mistakes_picture(run); path_exists(mistakes))
    items.push_back(
        {{"title", "Worst mistakes"},
         {"caption", "What it is, what it was taken for, and how sure the network was of it."},
         {"files", {mistakes.lexically_relative(run).generic_string()}},
         {"labels", {"mistakes"}}});
  write_file_atomic(run / "gallery.json", nlohmann::json{{"items", items}}.dump(2) + "\n");
}

}  // namespace clew::warp
