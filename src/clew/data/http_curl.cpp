// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>

#include <memory>
#include <mutex>

#include "clew/core/error.h"
#include "clew/data/http.h"

namespace clew::data {
namespace {

struct Transfer {
  CURL* curl = nullptr;
  const TakeBytes* take = nullptr;
  std::int64_t offset = 0;
  bool is_stopped = false;
  std::exception_ptr fault;  // must not pass through libcurl
};

std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  curl_off_t length = -1;
  curl_easy_getinfo(transfer.curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  const std::int64_t total = length > 0 ? transfer.offset + static_cast<std::int64_t>(length) : 0;
  try {
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes);
    if ((*transfer.take)({from, size * count}, total)) return size * count;
    transfer.is_stopped = true;
  } catch (...) {
    transfer.fault = std::current_exception();
  }
  return 0;
}

/// Called by libcurl about once a second, also while idle.
int on_tick(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    if ((*transfer.take)({}, 0)) return 0;
    transfer.is_stopped = true;
  } catch (...) {
    transfer.fault = std::current_exception();
  }
  return 1;
}

}  // namespace

bool has_http() { return true; }

FetchResult fetch(const std::string& url, std::int64_t offset, const TakeBytes& take) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::unique_ptr<CURL, void (*)(CURL*)> handle(curl_easy_init(), curl_easy_cleanup);
  CURL* curl = handle.get();
  CLEW_CHECK(curl, "libcurl does not start");
  Transfer transfer{.curl = curl, .take = &take, .offset = offset};
  char message[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, message);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  // The string option came with 7.85; the bit mask works in older and newer versions.
#if LIBCURL_VERSION_NUM >= 0x075500
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
#else
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "clew");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_tick);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  if (offset > 0) {
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(offset));
  }
  const CURLcode code = curl_easy_perform(curl);
  if (transfer.fault) std::rethrow_exception(transfer.fault);
  const std::string said = message[0] ? message : curl_easy_strerror(code);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.is_stopped) return {FetchEnd::kStopped, {}};
  if (status == 416) return {FetchEnd::kBeyond, said};
  switch (code) {
    case CURLE_OK:
      return {FetchEnd::kDone, {}};
    case CURLE_RANGE_ERROR:
      return {FetchEnd::kNoRange, said};
    case CURLE_HTTP_RETURNED_ERROR:
      return {status >= 500 ? FetchEnd::kBroken : FetchEnd::kRefused, said};
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_TOO_MANY_REDIRECTS:
    case CURLE_PEER_FAILED_VERIFICATION:
      return {FetchEnd::kRefused, said};
    default:
      return {FetchEnd::kBroken, said};
  }
}

}  // namespace clew::data
