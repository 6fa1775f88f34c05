// SPDX-License-Identifier: Apache-2.0
// RUN/gallery.json: pictures of a training, for the report.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "clew/runs/evaluation.h"

namespace clew::runs {

/// RUN/pictures/; may not exist.
std::filesystem::path picture_folder(const std::filesystem::path& run);
/// RUN/pictures/NAME_<steps>.png.
std::filesystem::path step_picture(const std::filesystem::path& run, std::string_view name,
                                   std::int64_t steps);
/// Existing pictures of NAME, by step.
std::vector<std::filesystem::path> step_pictures(const std::filesystem::path& run,
                                                 std::string_view name);
/// The same as a gallery entry, labelled by step.
Pictures pictures_of_steps(const std::filesystem::path& run, std::string_view name,
                           std::string title, std::string caption);

/// True for steps that get a picture: a geometric sequence from 1 with ratio 1.25, in increments of
/// at least 1.
bool is_pictured(std::int64_t steps);

/// Writes RUN/gallery.json atomically.
void write_gallery(const std::filesystem::path& run, std::span<const Pictures> gallery);
/// Reads RUN/gallery.json; empty without one. A path outside of the run folder: clew::Error.
std::vector<Pictures> read_gallery(const std::filesystem::path& run);

}  // namespace clew::runs
