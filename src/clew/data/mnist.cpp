// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mnist.h"

#include <algorithm>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/idx.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

std::string file_name(Split split, bool is_images) {
  return std::string(split == Split::kTrain ? "train" : "t10k") +
         (is_images ? "-images-idx3-ubyte" : "-labels-idx1-ubyte");
}

/// The file, plain or with .gz; an empty path when there is neither.
fs::path find(const fs::path& folder, Split split, bool is_images) {
  const std::string name = file_name(split, is_images);
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = folder / (name + ending);
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path;
  }
  return {};
}

IdxArray read(const fs::path& folder, Split split, bool is_images) {
  const fs::path path = find(folder, split, is_images);
  CLEW_CHECK(!path.empty(), "'", folder.string(), "' must hold ", file_name(split, is_images),
             " or ", file_name(split, is_images), ".gz, got neither; `clew data get mnist --data ",
             folder.string(), "` brings it");
  IdxArray array = read_idx(path);
  CLEW_CHECK(array.type == IdxType::kU8 && array.shape.size() == (is_images ? 3U : 1U),
             path.string(), ": must be bytes with ", is_images ? 3 : 1, " sides, got type ",
             static_cast<int>(array.type), " with ", array.shape.size());
  CLEW_CHECK(array.shape[0] >= 1, path.string(), ": must hold at least one digit");
  if (is_images) {
    CLEW_CHECK(array.shape[1] == kDigitSide && array.shape[2] == kDigitSide, path.string(),
               ": digits must be 28x28, got ", array.shape[1], "x", array.shape[2]);
  } else {
    const auto wrong = std::find_if(array.data.begin(), array.data.end(),
                                    [](std::uint8_t label) { return label > 9; });
    CLEW_CHECK(wrong == array.data.end(), path.string(), ": labels must be in 0..9, got ",
               int{*wrong}, " at place ", wrong - array.data.begin());
  }
  return array;
}

}  // namespace

bool has_mnist(const fs::path& folder) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (const bool is_images : {true, false}) {
      if (find(folder, split, is_images).empty()) return false;
    }
  }
  return true;
}

Mnist::Mnist(const fs::path& folder, Split split, std::int64_t limit) {
  CLEW_CHECK(limit >= 0, "a limit of digits must be at least 0, got ", limit);
  labels_ = read(folder, split, false).data;
  pixels_ = read(folder, split, true).data;
  CLEW_CHECK(pixels_.size() == labels_.size() * kDigitPixels, folder.string(), ": ",
             file_name(split, true), " holds ", pixels_.size() / kDigitPixels, " digits, ",
             file_name(split, false), " holds ", labels_.size(), " labels");
  if (limit > 0 && limit < size()) {
    labels_.resize(static_cast<std::size_t>(limit));
    pixels_.resize(labels_.size() * kDigitPixels);
    labels_.shrink_to_fit();
    pixels_.shrink_to_fit();
  }
}

void Mnist::draw(std::int64_t index, const Key&, DigitPixels pixels) const {
  check_index(*this, index);
  std::copy_n(pixels_.begin() + index * kDigitPixels, kDigitPixels, pixels.begin());
}

int Mnist::label(std::int64_t index) const {
  check_index(*this, index);
  return labels_[static_cast<std::size_t>(index)];
}

void write_mnist(const fs::path& folder, Split split, const Digits& digits, bool is_gzip) {
  const std::int64_t count = digits.size();
  IdxArray images{.type = IdxType::kU8, .shape = {count, kDigitSide, kDigitSide}, .data = {}};
  IdxArray labels{.type = IdxType::kU8, .shape = {count}, .data = {}};
  images.data.resize(static_cast<std::size_t>(count) * kDigitPixels);
  for (std::int64_t i = 0; i < count; ++i) {
    digits.draw(i, {},
                DigitPixels(images.data.data() + i * kDigitPixels, std::size_t{kDigitPixels}));
    labels.data.push_back(static_cast<std::uint8_t>(digits.label(i)));
  }
  make_folders(folder);
  const std::string ending = is_gzip ? ".gz" : "";
  write_idx(folder / (file_name(split, true) + ending), images);
  write_idx(folder / (file_name(split, false) + ending), labels);
}

}  // namespace clew::data
