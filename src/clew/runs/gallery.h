// SPDX-License-Identifier: Apache-2.0
// RUN/gallery.json: pictures in a run folder of what its network does, for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/runs/evaluation.h"

namespace clew::runs {

/// RUN/pictures/, which need not be there.
std::filesystem::path picture_folder(const std::filesystem::path& run);
/// RUN/pictures/NAME_<steps>.png.
std::filesystem::path step_picture(const std::filesystem::path& run, std::string_view name,
                                   std::int64_t steps);
/// Those of NAME that are there, in order of their steps.
std::vector<std::filesystem::path> step_pictures(const std::filesystem::path& run,
                                                 std::string_view name);
/// The same for a gallery, each labelled by its step.
Pictures pictures_of_steps(const std::filesystem::path& run, std::string_view name,
                           std::string title, std::string caption);

/// Moments of a training that get a picture: from step 1 on, each a quarter or one step later than the
/// one before.
bool is_pictured(std::int64_t steps);

/// Writes RUN/gallery.json atomically.
void write_gallery(const std::filesystem::path& run, std::span<const Pictures> gallery);
/// RUN/gallery.json; empty where there is none. A path that leads out of the run folder: clew::Error.
std::vector<Pictures> read_gallery(const std::filesystem::path& run);

}  // namespace clew::runs
