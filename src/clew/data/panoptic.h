// SPDX-License-Identifier: Apache-2.0
// Layout of COCO's panoptic masks (A. Kirillov et al. 2019):
//   annotations/panoptic_SPLIT.json   classes, and those of the segments of each picture; SPLIT is train2017 and the like
//   annotations/panoptic_SPLIT/       PNGs; the colour of a pixel, R + 256 G + 256^2 B, is its segment's number; 0: none
//   SPLIT/                            pictures
// annotations/ may be left out. Private to the module.
#pragma once

#include <filesystem>
#include <optional>

#include "clew/data/mask_pictures.h"

namespace clew::data {

struct PanopticSplit {
  std::filesystem::path json, masks, pictures;
};

/// Files of a split; absent without its JSON. Two of that split, no folder of masks or pictures: clew::Error.
std::optional<PanopticSplit> find_panoptic(const std::filesystem::path& folder, Split split);
/// Classes of a split, by their identifiers.
std::vector<std::string> panoptic_classes(const PanopticSplit& split);
/// Pictures with masks, in the order of the JSON. A file that is not there, a picture without a mask: clew::Error.
std::vector<MaskPair> panoptic_pairs(const PanopticSplit& split);
/// Number of the class of each pixel, or kVoid. A colour of no segment, a mask without colours: clew::Error.
image::Values read_panoptic(const MaskPair& pair);

}  // namespace clew::data
