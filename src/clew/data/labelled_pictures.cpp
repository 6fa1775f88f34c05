// SPDX-License-Identifier: Apache-2.0
#include "clew/data/labelled_pictures.h"

#include <torch/types.h>

#include <algorithm>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/text.h"
#include "clew/data/folders.h"
#include "clew/data/image_tensor.h"
#include "clew/image/files.h"

namespace clew::data {
namespace {

constexpr std::uint64_t kLongestTable = 1ULL << 30;

}  // namespace

LabelledPictures::LabelledPictures(const FolderConfig& config, Split part)
    : folder_(config.dir), background_(config.background) {
  if (config.dir.empty()) throw UsageError("data.dir must name a folder with a table of labels");
  const auto file = [&](const char* name) { return folder_ / name; };
  const auto read = [](const std::filesystem::path& path) {
    return parse_label_table(read_text(path, kLongestTable), path.string());
  };
  const bool is_shared = path_exists(file("labels.csv"));
  const bool has_splits = path_exists(file("train.csv"));
  CLEW_CHECK(is_shared != has_splits, "'", config.dir,
             "' must hold either labels.csv or train.csv, got ", is_shared ? "both" : "neither");
  const bool has_validation = has_splits && path_exists(file("val.csv"));
  auto table = read(file(is_shared ? "labels.csv" : "train.csv"));
  classes_ = table.classes;
  if (has_splits && (part == Split::kTest || (part == Split::kValidation && has_validation))) {
    const auto path = file(part == Split::kTest ? "test.csv" : "val.csv");
    table = read(path);
    CLEW_CHECK(table.classes == classes_, path.string(), ": must have the classes of train.csv, ",
               clew::join(classes_), ", got ", clew::join(table.classes));
    rows_ = std::move(table.rows);
    return;
  }
  const double test_share = is_shared ? config.test_share : 0,
               validation_share = has_validation ? 0 : config.validation_share;
  for (auto& row : table.rows) {
    const double share = share_of_path(row.file);
    const Split own = share < test_share                      ? Split::kTest
                      : share < test_share + validation_share ? Split::kValidation
                                                              : Split::kTrain;
    if (own == part) rows_.push_back(std::move(row));
  }
  CLEW_CHECK(!rows_.empty(), "'", config.dir, "' must have pictures in its split '", name_of(part),
             "', got none of ", table.rows.size());
}

std::string LabelledPictures::origin(std::int64_t index) const {
  check_index(*this, index);
  return (folder_ / rows_[static_cast<std::size_t>(index)].file).string();
}

Columns LabelledPictures::columns() const {
  auto all = image_and_label({3, -1, -1});
  all[1] = {.name = "labels",
            .shape = {static_cast<std::int64_t>(classes_.size())},
            .type = torch::kFloat32,
            .meaning = "1 for each class of the picture, else 0"};
  return all;
}

Example LabelledPictures::get(std::int64_t index, const Key& /*key*/) const {
  const auto picture = image::read(origin(index), background_);
  const auto& row = rows_[static_cast<std::size_t>(index)].labels;
  auto labels = torch::empty({static_cast<std::int64_t>(row.size())});
  std::copy(row.begin(), row.end(), labels.data_ptr<float>());
  return {{"image", to_tensor(image::to_rgb(picture))}, {"labels", labels}};
}

std::uint64_t LabelledPictures::content_hash() const {
  std::uint64_t hash = hash_text(concat("labelled ", name_of(background_)));
  for (const auto& row : rows_) {
    hash = hash_text(read_file(folder_ / row.file, kLongestTable), hash);
    hash = hash64(std::as_bytes(std::span(row.labels)), hash);
  }
  return hash;
}

}  // namespace clew::data
