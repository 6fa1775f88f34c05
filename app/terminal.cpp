// SPDX-License-Identifier: Apache-2.0
#include "terminal.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>

#include "clew/core/log.h"

namespace clew::app {

void start_logging(bool is_verbose) {
  auto logger = std::make_shared<spdlog::logger>(
      "clew", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  logger->set_pattern(is_verbose ? "%H:%M:%S.%e %^%l%$ %v" : "%v");
  logger->set_level(is_verbose ? spdlog::level::debug : spdlog::level::info);
  logger->flush_on(spdlog::level::debug);
  set_log_sink([logger, is_verbose](LogLevel level, const std::string& line) {
    switch (level) {
      case LogLevel::kDebug:
        logger->debug(line);
        break;
      case LogLevel::kInfo:
        logger->info(line);
        break;
      case LogLevel::kWarning:
        logger->warn(is_verbose ? line : "warning: " + line);
        break;
    }
  });
}

}  // namespace clew::app
