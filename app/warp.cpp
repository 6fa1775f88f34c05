// SPDX-License-Identifier: Apache-2.0
#include "warp.h"

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/warp/digit_system.h"
#include "clew/warp/locate_system.h"
#include "learning.h"
#include "terminal.h"

namespace clew::app {
namespace {

Prediction predict(const PredictRequest& request) {
  CountLine progress("images");
  const auto total = static_cast<std::int64_t>(request.images.size());
  const auto readings = warp::read_digits(request.run, request.images,
                                          [&](std::int64_t done) { progress.show(done, total); });
  progress.end();
  auto list = nlohmann::json::array();
  std::string text;
  std::vector<std::string> errors;
  std::size_t inverted = 0;
  for (const auto& reading : readings) {
    if (!reading.error.empty()) {
      errors.push_back(reading.error);
      list.push_back({{"image", reading.name}, {"error", reading.error}});
      continue;
    }
    char line[80];
    std::snprintf(line, sizeof line, "%s  %.1f %%\n", reading.classes.at(reading.best).c_str(),
                  100 * reading.probabilities.at(reading.best));
    text += concat(reading.name, "  ", line);
    list.push_back({{"image", reading.name},
                    {"class", reading.classes.at(reading.best)},
                    {"probabilities", reading.probabilities}});
    inverted += reading.is_inverted ? 1 : 0;
  }
  if (inverted > 0) {
    log(LogLevel::kWarning,
        concat(inverted, " of ", readings.size(),
               " readings are of dark on light; this network has learnt light digits on a dark "
               "ground, so invert such pictures"));
  }
  if (errors.size() > 1)
    for (const auto& error : errors) log(LogLevel::kWarning, error);
  return {.text = request.is_json ? json_text(list) : text,
          .failure = errors.size() <= 1
                         ? errors.empty() ? std::string() : errors[0]
                         : concat(errors.size(), " of ", readings.size(), " readings failed")};
}

}  // namespace

System warp_system() {
  auto row = row_of(std::make_shared<const warp::DigitSystem>());
  row.predict = predict;
  return row;
}

System locate_system() { return row_of(std::make_shared<const warp::LocateSystem>()); }

}  // namespace clew::app
