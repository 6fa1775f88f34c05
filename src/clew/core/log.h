// SPDX-License-Identifier: Apache-2.0
// Where the library says what it does. Silent until the program sets a sink; never writes by
// itself.
#pragma once

#include <functional>
#include <string>

namespace clew {

enum class LogLevel { kDebug, kInfo, kWarning };

using LogSink = std::function<void(LogLevel, const std::string& line)>;

/// Replaces the sink; an empty one silences the library. Call it before starting threads.
void set_log_sink(LogSink sink);
/// Sends one line to the sink, if there is one.
void log(LogLevel level, const std::string& line);

}  // namespace clew
