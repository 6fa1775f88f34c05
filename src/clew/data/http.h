// SPDX-License-Identifier: Apache-2.0
// One HTTP request, through libcurl where the build has it (http_curl.cpp, http_none.cpp). Private
// to the module; download.h is what others use.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace clew::data {

enum class FetchEnd {
  kDone,     // all bytes came
  kBroken,   // the connection broke, or there was none: trying again may help
  kNoRange,  // the server does not begin in the middle: begin at 0
  kBeyond,   // the server has no byte at the offset: the file ends there, or is another
  kRefused,  // the server says no (404), or the address is wrong
  kStopped   // `take` said so
};

struct FetchResult {
  FetchEnd end = FetchEnd::kDone;
  std::string message;  // what the library says, for kBroken and kRefused
};

/// Bytes as they come, none about once a second while nothing comes, and how many the whole file
/// will have, 0 when it is not known. False: stop.
using TakeBytes = std::function<bool(std::span<const std::uint8_t> bytes, std::int64_t total)>;

/// True when this build can fetch at all.
bool has_http();
/// The bytes of `url` (http or https) from `offset` on. Blocks; ends by itself when nothing comes
/// for 30 seconds.
FetchResult fetch(const std::string& url, std::int64_t offset, const TakeBytes& take);

}  // namespace clew::data
