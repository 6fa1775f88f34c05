// SPDX-License-Identifier: Apache-2.0
// Builds without libcurl: every call is an error.
#include "clew/core/error.h"
#include "clew/data/http.h"

namespace clew::data {

bool has_http() { return false; }

FetchResult fetch(const std::string& url, std::int64_t, const TakeBytes&) {
  throw Error(concat("this clew was built without libcurl and cannot fetch ", url,
                     "; install libcurl4-openssl-dev and build again, or fetch it yourself"));
}

}  // namespace clew::data
