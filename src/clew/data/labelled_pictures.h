// SPDX-License-Identifier: Apache-2.0
// Multi-label pictures: a folder with a label table (formats/label_table.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clew/data/dataset.h"
#include "clew/data/folder_config.h"
#include "clew/data/formats/label_table.h"

namespace clew::data {

/// image [3,H,W] f32 in [0,1], labels [C] f32, multi-hot. Pictures are read by `get`. Keys are not
/// used.
class LabelledPictures : public Dataset {
 public:
  /// FOLDER/labels.csv, split by the files' paths as in ImageFolder; or FOLDER/train.csv,
  /// FOLDER/val.csv and FOLDER/test.csv, where validation is a share of train without val.csv. No
  /// table, no picture in a split, other classes than train.csv's: clew::Error.
  LabelledPictures(const FolderConfig& config, Split split);

  std::int64_t size() const override { return static_cast<std::int64_t>(rows_.size()); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override { return classes_; }
  std::string origin(std::int64_t index) const override;
  std::uint64_t content_hash() const override;

 private:
  std::filesystem::path folder_;
  std::vector<std::string> classes_;
  std::vector<LabelTable::Row> rows_;
  image::Background background_;
};

}  // namespace clew::data
