// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mnist.h"

#include <torch/types.h>

#include <algorithm>
#include <string>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/idx.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

/// Reads images of 3 up to `most` dimensions, or labels; `check_head` gets accepted headers.
IdxArray read(const fs::path& folder, Split split, bool is_images, std::size_t most = 3,
              const IdxHeadCheck& check_head = {}) {
  const fs::path path = mnist_file(folder, split, is_images);
  const std::string name = mnist_file_name(split, is_images);
  CLEW_CHECK(!path.empty(), "'", folder.string(), "' must hold ", name, " or ", name,
             ".gz, got neither; `clew data get mnist --data ", folder.string(), "` brings it");
  return read_idx(path, kMaxIdxBytes, [&](const IdxArray& head) {
    const std::size_t sides = head.shape.size(), wanted = is_images ? 3 : 1;
    CLEW_CHECK(head.type == IdxType::kU8 && (sides == wanted || (is_images && sides == most)),
               path.string(), ": must be bytes with ", wanted,
               is_images && most > 3 ? concat(" or ", most) : "", " sides, got type ",
               static_cast<int>(head.type), " with ", sides);
    CLEW_CHECK(head.shape[0] >= 1, path.string(), ": must hold at least one digit");
    if (check_head) check_head(head);
  });
}

void check_count(const IdxArray& images, const IdxArray& labels, const fs::path& folder,
                 Split part) {
  CLEW_CHECK(images.shape[0] == labels.shape[0], folder.string(), ": ", mnist_file_name(part, true),
             " holds ", images.shape[0], " digits, ", mnist_file_name(part, false), " holds ",
             labels.shape[0], " labels");
}

/// Names of missing files among the four.
std::vector<std::string> missing_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const Split split : {Split::kTrain, Split::kTest}) {
    for (const bool is_images : {true, false}) {
      if (mnist_file(folder, split, is_images).empty())
        names.push_back(mnist_file_name(split, is_images));
    }
  }
  return names;
}

}  // namespace

std::string mnist_file_name(Split split, bool is_images) {
  return std::string(split == Split::kTrain ? "train" : "t10k") +
         (is_images ? "-images-idx3-ubyte" : "-labels-idx1-ubyte");
}

fs::path mnist_file(const fs::path& folder, Split split, bool is_images) {
  const std::string name = mnist_file_name(split, is_images);
  std::string dotted = name;
  dotted[dotted.find("-idx")] = '.';
  for (const fs::path& place : {folder, folder / "raw", folder / "MNIST/raw"}) {
    for (const auto& one : {name, dotted}) {
      for (const char* ending : {"", ".gz"}) {
        const fs::path path = place / (one + ending);
        std::error_code ignored;
        if (fs::is_regular_file(path, ignored)) return path;
      }
    }
  }
  return {};
}

bool has_mnist(const fs::path& folder) { return missing_files(folder).empty(); }

bool has_whole_mnist(const fs::path& folder) {
  const auto missing = missing_files(folder);
  std::string names;
  for (const auto& name : missing) names += (names.empty() ? "" : " and ") + name;
  CLEW_CHECK(missing.empty() || missing.size() == 4, "'", folder.string(),
             "' holds some files of MNIST's form and lacks ", names);
  return missing.empty();
}

Mnist::Mnist(const fs::path& folder, Split part, std::int64_t limit) {
  CLEW_CHECK(limit >= 0, "a limit of digits must be at least 0, got ", limit);
  IdxArray labels = read(folder, part, false);
  const auto wrong = std::ranges::find_if(labels.data, [](auto label) { return label > 9; });
  CLEW_CHECK(wrong == labels.data.end(), mnist_file(folder, part, false).string(),
             ": labels must be in 0..9, got ", int{*wrong}, " at place ",
             wrong - labels.data.begin());
  IdxArray images = read(folder, part, true, 3, [&](const IdxArray& head) {
    CLEW_CHECK(head.shape[1] == kDigitSide && head.shape[2] == kDigitSide,
               mnist_file(folder, part, true).string(), ": digits must be 28x28, got ",
               head.shape[1], "x", head.shape[2]);
    check_count(head, labels, folder, part);
  });
  labels_ = std::move(labels.data);
  pixels_ = std::move(images.data);
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

IdxPictures::IdxPictures(const fs::path& folder, Split part) {
  IdxArray labels = read(folder, part, false);
  IdxArray images = read(folder, part, true, 4,
                         [&](const IdxArray& head) { check_count(head, labels, folder, part); });
  shape_.assign(images.shape.begin() + 1, images.shape.end());
  if (shape_.size() == 2) shape_.insert(shape_.begin(), 1);
  CLEW_CHECK(std::ranges::min(shape_) >= 1, mnist_file(folder, part, true).string(),
             ": pictures must have sides of at least 1, got ", torch::IntArrayRef(shape_));
  labels_ = std::move(labels.data);
  pixels_ = std::move(images.data);
}

Example IdxPictures::get(std::int64_t index, const Key&) const {
  check_index(*this, index);
  const auto image = torch::empty(shape_), label = torch::empty({}, torch::kInt64);
  const std::int64_t count = image.numel();
  std::transform(pixels_.begin() + index * count, pixels_.begin() + (index + 1) * count,
                 image.data_ptr<float>(),
                 [](std::uint8_t pixel) { return static_cast<float>(pixel) / 255; });
  *label.data_ptr<std::int64_t>() = labels_[static_cast<std::size_t>(index)];
  return {{"image", image}, {"label", label}};
}

void write_mnist(const fs::path& folder, Split part, const Dataset& dataset, bool is_gzip,
                 const Key& key, const std::function<void(std::int64_t done)>& progress) {
  const std::int64_t count = dataset.size();
  IdxArray images, labels{.type = IdxType::kU8, .shape = {count}, .data = {}};
  for (std::int64_t i = 0; i < count; ++i) {
    const Example example = dataset.get(i, fold_in(key, 0, static_cast<std::uint64_t>(i)));
    const auto image = example["image"].contiguous(), class_of = example["label"];
    CLEW_CHECK(image.dim() == 3 && image.scalar_type() == torch::kFloat32 && class_of.dim() == 0 &&
                   class_of.scalar_type() == torch::kInt64,
               "to be written, an example must be [C,H,W] f32 with a class, got ", image.sizes(),
               " with ", class_of.sizes(), " (write_mnist)");
    std::vector<std::int64_t> shape = {count};
    const auto sides = image.sizes().slice(image.size(0) == 1 ? 1 : 0);
    shape.insert(shape.end(), sides.begin(), sides.end());
    if (i == 0) images.shape = shape;
    CLEW_CHECK(images.shape == shape, "to be written, examples must have one shape, got another ",
               image.sizes(), " at place ", i, " (write_mnist)");
    const float* from = image.data_ptr<float>();
    for (std::int64_t k = 0; k < image.numel(); ++k)
      images.data.push_back(static_cast<std::uint8_t>(std::clamp(from[k], 0.F, 1.F) * 255 + .5F));
    const auto label = class_of.item<std::int64_t>();
    CLEW_CHECK(label >= 0 && label <= 255, "to be written, a class must be in 0..255, got ", label,
               " (write_mnist)");
    labels.data.push_back(static_cast<std::uint8_t>(label));
    if (progress) progress(i + 1);
  }
  make_folders(folder);
  const std::string ending = is_gzip ? ".gz" : "";
  write_idx(folder / (mnist_file_name(part, true) + ending), images);
  write_idx(folder / (mnist_file_name(part, false) + ending), labels);
}

}  // namespace clew::data
