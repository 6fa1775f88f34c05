// SPDX-License-Identifier: Apache-2.0
// Predictions of segmentation networks for pictures and videos, and their files.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "clew/segment/config.h"
#include "clew/segment/network.h"
#include "clew/train/prediction.h"

namespace clew::segment {

/// Predictor of the classes of the pixels of pictures as given, which go through config.data.eval_views. Text and JSON:
/// the share of each class. Pictures: overlays with a legend.
std::unique_ptr<train::Predictor> make_pixel_predictor(
    const std::shared_ptr<const SegmentationNetwork>& network, const SegmentConfig& config,
    const train::PredictOptions& options);

/// Formats of files:
///   masks          a folder of palette PNGs with the numbers of data.classes
///   probabilities  a folder with a [C,H,W] f32 .npy of the counted classes (Long et al. 2015: S_ijc behind a softmax) and
///                  a PNG of them for each picture
/// by the names of the pictures.
std::vector<std::string> pixel_formats();
std::unique_ptr<train::PredictionWriter> make_pixel_writer(const SegmentConfig& config,
                                                           const std::string& format,
                                                           const std::filesystem::path& folder);

}  // namespace clew::segment
