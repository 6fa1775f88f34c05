// SPDX-License-Identifier: Apache-2.0
// The pictures in a run folder of what its network learned, and the list of them for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace clew::warp {

/// RUN/pictures/, which need not be there.
std::filesystem::path picture_folder(const std::filesystem::path& run);
/// The picture of what the transformers do after `steps` steps.
std::filesystem::path warp_picture(const std::filesystem::path& run, std::int64_t steps);
/// Those that are there, in order of their steps.
std::vector<std::filesystem::path> warp_pictures(const std::filesystem::path& run);
/// The picture of the worst mistakes.
std::filesystem::path mistakes_picture(const std::filesystem::path& run);

/// Whether a picture is made after `steps` steps: from 1 on, each a quarter or one step later than the
/// one before.
bool is_pictured(std::int64_t steps);

/// RUN/gallery.json, which lists the pictures that are there.
void write_gallery(const std::filesystem::path& run);

}  // namespace clew::warp
