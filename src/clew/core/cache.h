// SPDX-License-Identifier: Apache-2.0
// Cache folder (XDG).
#pragma once

#include <filesystem>

namespace clew {

/// Folder of files that can be made again: $XDG_CACHE_HOME/clew, else $HOME/.cache/clew. Empty if
/// neither is an absolute path. May not exist.
std::filesystem::path cache_folder();

}  // namespace clew
