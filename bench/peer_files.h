// SPDX-License-Identifier: Apache-2.0
// The scripts of bench/peers/, embedded by CMake (clew_embed).
#pragma once

#include <string_view>

namespace clew::bench {

extern const std::string_view kBoxesTorchvision;
extern const std::string_view kClassifyTorchvision;
extern const std::string_view kCocoPycocotools;
extern const std::string_view kDetectTorchvision;
extern const std::string_view kNavPyTorch;
extern const std::string_view kDigitsPyTorch;
extern const std::string_view kSegmentTorchvision;

}  // namespace clew::bench
