// SPDX-License-Identifier: Apache-2.0
// clew predict: predictions of a run's trained network for image files, videos and cameras.
#include <glob.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <system_error>
#include <vector>

#include "clew/core/error.h"
#include "clew/image/files.h"
#include "command.h"
#include "systems.h"

namespace clew::app {
namespace {

namespace fs = std::filesystem;

/// Files that match a glob pattern, sorted.
std::vector<fs::path> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<fs::path> files;
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return files;
}

/// Expands folders (recursively, sorted) and glob patterns to picture files.
std::vector<fs::path> expanded(const std::vector<fs::path>& names) {
  std::vector<fs::path> files;
  for (const auto& name : names) {
    std::error_code ignored;
    if (fs::is_directory(name, ignored)) {
      std::vector<fs::path> own;
      for (const auto& entry : fs::recursive_directory_iterator(
               name, fs::directory_options::skip_permission_denied, ignored))
        if (entry.is_regular_file(ignored) && image::has_picture_ending(entry.path()))
          own.push_back(entry.path());
      CLEW_CHECK(!own.empty(), "'", name.string(), "' must hold picture files, got none");
      std::ranges::sort(own);
      files.insert(files.end(), own.begin(), own.end());
    } else if (!fs::exists(name, ignored) &&
               name.string().find_first_of("*?[") != std::string::npos) {
      const auto own = matches(name.string());
      CLEW_CHECK(!own.empty(), "no file matches '", name.string(), "'");
      files.insert(files.end(), own.begin(), own.end());
    } else {
      files.push_back(name);
    }
  }
  return files;
}

}  // namespace

void define_predict(CLI::App& command) {
  auto request = std::make_shared<PredictRequest>();
  command.add_option("RUN", request->run, "a run folder")->required();
  command
      .add_option(
          "IMAGE", request->images,
          "image files (PNG, JPEG, PGM, PPM, BMP, TIFF, WebP), folders of them, or patterns "
          "such as 'photos/*.jpg'; videos (AVI, MP4, WebM) and cameras such as /dev/video0")
      ->required();
  command.add_option("--pictures", request->pictures,
                     "folder for the pictures and videos with the answers on them");
  command.add_option("--features", request->features,
                     "file FILE.npy for what the last layer reads, [N,F] f32, a row a picture");
  auto write = std::make_shared<std::string>();
  command
      .add_option("--write", *write,
                  "answers for other programs: of detection, coco=FILE.json or yolo=FOLDER; of "
                  "segmentation, masks=FOLDER or probabilities=FOLDER")
      ->type_name("FORMAT=PATH");
  command
      .add_option("--frames", request->frames,
                  "frames of each video, at most; 0: all, of a camera until Ctrl-C")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--json", request->is_json, "print JSON");
  command.callback([request, write] {
    if (!write->empty()) {
      const auto at = write->find('=');
      if (at == std::string::npos || at == 0 || at + 1 == write->size())
        throw UsageError(concat("--write must be FORMAT=PATH, got '", *write, "'"));
      request->format = write->substr(0, at);
      request->out = write->substr(at + 1);
    }
    const auto& system = system_of_run(request->run);
    if (system.predict == nullptr) {
      throw UsageError(concat("a run of ", system.name,
                              " reads no image files; `clew eval` shows what it does"));
    }
    if (!request->features.empty() && request->features.extension() != ".npy")
      throw UsageError(
          concat("--features must end in .npy, got '", request->features.string(), "'"));
    request->images = expanded(request->images);
    const auto told = system.predict(*request);
    std::cout << told.text << std::flush;
    if (!told.failure.empty()) throw Error(told.failure);
  });
}

}  // namespace clew::app
