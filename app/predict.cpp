// SPDX-License-Identifier: Apache-2.0
// clew predict: what the trained network of a run says of image files.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "clew/core/error.h"
#include "command.h"
#include "systems.h"

namespace clew::app {

void define_predict(CLI::App& command) {
  auto request = std::make_shared<PredictRequest>();
  command.add_option("RUN", request->run, "a run folder")->required();
  command
      .add_option("IMAGE", request->images, "image files: PNG, JPEG, PGM, PPM, BMP, TIFF or WebP")
      ->required();
  command.add_flag("--json", request->is_json, "print JSON");
  command.callback([request] {
    const auto& system = system_of_run(request->run);
    if (system.predict == nullptr) {
      throw UsageError(concat("a run of ", system.name,
                              " reads no image files; `clew eval` shows what it does"));
    }
    const auto told = system.predict(*request);
    std::cout << told.text << std::flush;
    if (!told.failure.empty()) throw Error(told.failure);
  });
}

}  // namespace clew::app
