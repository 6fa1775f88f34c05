// SPDX-License-Identifier: Apache-2.0
// MNIST, or other sets in its file format, from a folder. Download: download.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clew/data/digits.h"

namespace clew::data {

/// True if `folder`, its raw or its MNIST/raw (torchvision's) holds MNIST's four files, plain or
/// .gz: {train,t10k}-{images-idx3,labels-idx1}-ubyte, or with a dot before idx.
[[nodiscard]] bool has_mnist(const std::filesystem::path& folder);
/// The same, but only some of the four: clew::Error naming the missing ones.
[[nodiscard]] bool has_whole_mnist(const std::filesystem::path& folder);
/// File name, without .gz.
[[nodiscard]] std::string mnist_file_name(Split split, bool is_images);
/// Path of one of the four, plain or .gz; empty without either.
[[nodiscard]] std::filesystem::path mnist_file(const std::filesystem::path& folder, Split split,
                                               bool is_images);

/// One split of MNIST, in memory as bytes. Keys are not used.
class Mnist : public Digits {
 public:
  /// Reads the split's two files. A missing file, another shape than [N,28,28] and [N] u8, a label
  /// above 9: clew::Error, before images are unpacked. `limit` > 0: first digits only.
  Mnist(const std::filesystem::path& folder, Split split, std::int64_t limit = 0);

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  void draw(std::int64_t index, const Key& key, DigitPixels pixels) const override;
  int label(std::int64_t index) const override;

  const std::vector<std::uint8_t>& pixels() const { return pixels_; }  // [N,28,28] u8
  const std::vector<std::uint8_t>& labels() const { return labels_; }  // [N] u8, 0..9

 private:
  std::vector<std::uint8_t> pixels_, labels_;
};

/// One split of classified pictures of any size in files named as MNIST's (write_mnist). image
/// [C,H,W] f32 in [0,1], label i64 in 0..255. Keys are not used.
class IdxPictures : public Dataset {
 public:
  /// Reads the split's two files. A missing file, images other than [N,H,W] or [N,C,H,W] u8 with
  /// all dimensions at least 1, labels other than [N] u8: clew::Error.
  IdxPictures(const std::filesystem::path& folder, Split split);

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override { return image_and_label(shape_); }

 private:
  std::vector<std::uint8_t> pixels_, labels_;
  std::vector<std::int64_t> shape_;  // of one picture, [C,H,W]
};

/// Writes a data set as the two files of `split`: images [1,H,W] or [C,H,W] f32 in [0,1] become
/// [N,H,W] or [N,C,H,W] u8, labels must be in 0..255. Example i is drawn from fold_in(key, 0, i),
/// as in a loader's first epoch. Lossless for digits. `progress` is called after each example.
void write_mnist(const std::filesystem::path& folder, Split split, const Dataset& dataset,
                 bool is_gzip, const Key& key = {},
                 const std::function<void(std::int64_t done)>& progress = {});

}  // namespace clew::data
