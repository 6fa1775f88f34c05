// SPDX-License-Identifier: Apache-2.0
// Published ImageNet weights of the backbones: files, URLs, checksums, and their local folder.
// Download: train/weights_download.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace clew::nn {

struct PublishedWeights {
  std::string backbone;  // of backbone_names()
  std::string file;      // "resnet18-f37072fd.pth": the first digits of its SHA-256 are in the name
  std::string sha256;    // 64 hexadecimal digits
  std::int64_t bytes = 0;    // of the file
  std::string address = {};  // base URL; empty: none
  std::string package = {};  // "NAME==VERSION" on PyPI, whose wheel contains the file; empty: none
  std::string licence, origin;  // origin: the page that states licence and accuracy
  double top1 = 0,
         top5 =
             0;  // accuracy on ImageNet's validation set, percent, as stated there; 0: not stated
};

/// One for each of backbone_names() but "zf", in its order.
[[nodiscard]] const std::vector<PublishedWeights>& published_weights();
/// Weights of a backbone; null for another name.
[[nodiscard]] const PublishedWeights* find_published(const std::string& backbone);

/// Default folder: `weights` in cache_folder(); empty where that is.
[[nodiscard]] std::filesystem::path weights_folder();
/// Path of the file in `folder`, if there with the right size. The checksum was verified by the
/// download.
[[nodiscard]] std::optional<std::filesystem::path> at_hand(
    const PublishedWeights& weights, const std::filesystem::path& folder = weights_folder());

}  // namespace clew::nn
