// SPDX-License-Identifier: Apache-2.0
// Cache folder of the platform's convention.
#pragma once

#include <filesystem>

namespace clew {

/// Folder of what can be made anew at any time: $XDG_CACHE_HOME/clew, else $HOME/.cache/clew. Empty
/// where neither is an absolute path. It need not exist.
std::filesystem::path cache_folder();

}  // namespace clew
