// SPDX-License-Identifier: Apache-2.0
// HTTP requests by libcurl where the build has it (http_curl.cpp, http_none.cpp). Private to the
// module; the public interface is download.h.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace clew::data {

enum class FetchEnd {
  kDone,     // complete
  kBroken,   // connection failed or was lost: a retry may help
  kNoRange,  // the server does not support ranges: start at 0
  kBeyond,   // range not satisfiable: the file ends at the offset, or is another
  kRefused,  // HTTP error, such as 404, or an invalid URL
  kStopped   // by `take`
};

struct FetchResult {
  FetchEnd end = FetchEnd::kDone;
  std::string message;  // libcurl's, for kBroken and kRefused
};

/// Received bytes (empty about once a second while idle), and the total size, 0 if not known.
/// Returns false to stop.
using TakeBytes = std::function<bool(std::span<const std::uint8_t> bytes, std::int64_t total)>;

/// True when this build can fetch at all.
bool has_http();
/// Bytes of `url` (http or https) from `offset` on. Blocks; times out after 30 idle seconds.
FetchResult fetch(const std::string& url, std::int64_t offset, const TakeBytes& take);

}  // namespace clew::data
