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

IdxArray read(const fs::path& folder, Split split, bool is_images) {
  const fs::path path = mnist_file(folder, split, is_images);
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

fs::path mnist_file(const fs::path& folder, Split split, bool is_images) {
  const std::string name = file_name(split, is_images);
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = folder / (name + ending);
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path;
  }
  return {};
}

bool has_mnist(const fs::path& folder) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (const bool is_images : {true, false}) {
      if (mnist_file(folder, split, is_images).empty()) return false;
    }
  }
  return true;
}

Mnist::Mnist(const fs::path& folder, Split part, std::int64_t limit) {
  CLEW_CHECK(limit >= 0, "a limit of digits must be at least 0, got ", limit);
  labels_ = read(folder, part, false).data;
  pixels_ = read(folder, part, true).data;
  CLEW_CHECK(pixels_.size() == labels_.size() * kDigitPixels, folder.string(), ": ",
             file_name(part, true), " holds ", pixels_.size() / kDigitPixels, " digits, ",
             file_name(part, false), " holds ", labels_.size(), " labels");
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

void write_mnist(const fs::path& folder, Split part, const Dataset& dataset, bool is_gzip,
                 const Key& key) {
  const std::int64_t count = dataset.size();
  IdxArray images, labels{.type = IdxType::kU8, .shape = {count}, .data = {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const Sample sample = dataset.get(i, split(key, 0, static_cast<std::uint64_t>(i)));
    CLEW_CHECK(sample.input.dim() == 3 && sample.input.scalar_type() == torch::kFloat32 &&
                   sample.target.dim() == 0 && sample.target.scalar_type() == torch::kInt64,
               "to be written, an example must be [C,H,W] f32 with a class, got ",
               sample.input.sizes(), " with ", sample.target.sizes(), " (write_mnist)");
    std::vector<std::int64_t> shape = {count};
    const auto sides = sample.input.sizes().slice(sample.input.size(0) == 1 ? 1 : 0);
    shape.insert(shape.end(), sides.begin(), sides.end());
    if (i == 0) images.shape = shape;
    CLEW_CHECK(images.shape == shape, "to be written, examples must have one shape, got another ",
               sample.input.sizes(), " at place ", i, " (write_mnist)");
    const auto input = sample.input.contiguous();
    const float* from = input.data_ptr<float>();
    for (std::int64_t k = 0; k < input.numel(); ++k)
      images.data.push_back(static_cast<std::uint8_t>(std::clamp(from[k], 0.F, 1.F) * 255 + .5F));
    const auto label = sample.target.item<std::int64_t>();
    CLEW_CHECK(label >= 0 && label <= 255, "to be written, a class must be in 0..255, got ", label,
               " (write_mnist)");
    labels.data.push_back(static_cast<std::uint8_t>(label));
  }
  make_folders(folder);
  const std::string ending = is_gzip ? ".gz" : "";
  write_idx(folder / (file_name(part, true) + ending), images);
  write_idx(folder / (file_name(part, false) + ending), labels);
}

}  // namespace clew::data
