// SPDX-License-Identifier: Apache-2.0
#include "clew/core/cache.h"

#include <cstdlib>

namespace clew {

std::filesystem::path cache_folder() {
  const auto folder = [](const char* variable) {
    const char* const value = std::getenv(variable);
    std::filesystem::path path = value == nullptr ? "" : value;
    return path.is_absolute() ? path : std::filesystem::path();
  };
  if (const auto cache = folder("XDG_CACHE_HOME"); !cache.empty()) return cache / "clew";
  if (const auto home = folder("HOME"); !home.empty()) return home / ".cache" / "clew";
  return {};
}

}  // namespace clew
