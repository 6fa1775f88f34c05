// SPDX-License-Identifier: Apache-2.0
// Logging. Silent until the program sets a sink.
#pragma once

#include <functional>
#include <string>

namespace clew {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogSink = std::function<void(LogLevel, const std::string& line)>;

/// Replaces the sink; empty: silent. Call before starting threads.
void set_log_sink(LogSink sink);
/// Sends a line to the sink, if any.
void log(LogLevel level, const std::string& line);

}  // namespace clew
