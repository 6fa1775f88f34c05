// SPDX-License-Identifier: Apache-2.0
// Files of the formats of box_set.h: which folder holds which, and its splits as they are stored.
// Private to the module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "clew/data/box_set.h"
#include "clew/data/splits.h"

namespace clew::data {

/// Pictures of a file or folder, with its own classes.
struct BoxSource {
  std::vector<std::string> classes;       // by label
  std::vector<std::int64_t> class_ids;    // numbers of the classes in the file
  std::vector<BoxPicture> pictures;       // their files may be missing
  std::vector<std::string> names;         // of pictures, relative to their folder
  std::vector<std::filesystem::path> at;  // annotation file of each picture, or of all

  const std::filesystem::path& annotation(std::size_t i) const {
    return at[at.size() == 1 ? 0 : i];
  }
};

/// Receives an unreadable file and the fault; the file is left out.
using OnBoxFault = std::function<void(const std::filesystem::path& file, const std::string& text)>;

struct BoxLayout {
  BoxFormat format = BoxFormat::kVoc;
  std::filesystem::path root;
  // VOC: lists of IDs, or the folder of annotations; COCO: JSON files; YOLO: folders of pictures.
  SplitPaths stored;       // train is all pictures where there are no splits
  bool is_divided = true;  // into splits
  // YOLO's classes, and their numbers.
  std::vector<std::string> classes = {};
  std::vector<std::int64_t> class_ids = {};

  /// Splits for use: a val without a test set is the test set. No second set: clew::Error.
  [[nodiscard]] SplitPaths splits() const;
  /// Stored splits: name and path.
  [[nodiscard]] std::vector<std::pair<std::string, std::filesystem::path>> sources() const;
};

/// True if a folder has the files of a format.
[[nodiscard]] bool has_box_layout(const std::filesystem::path& folder);
/// Layout of a folder. `classes`: of YOLO's without a file of names. None, or more than one:
/// clew::Error.
[[nodiscard]] BoxLayout find_box_layout(const std::filesystem::path& folder,
                                        const std::vector<std::string>& classes = {});

/// Pictures of one of `layout`'s paths. Without `on_fault`, an unreadable file: clew::Error.
[[nodiscard]] BoxSource read_box_source(const BoxLayout& layout, const std::filesystem::path& path,
                                        const OnBoxFault& on_fault = {});

/// Files of the pictures of a path, without reading their boxes.
[[nodiscard]] std::vector<std::filesystem::path> box_picture_files(
    const BoxLayout& layout, const std::filesystem::path& path);

/// read_box_set of a layout; adds the pictures' names (BoxSource) to `names`.
[[nodiscard]] BoxSet read_split(const BoxLayout& layout, Split split, const BoxSetOptions& options,
                                std::vector<std::string>* names = nullptr);
/// The same of all pictures of one of its paths.
[[nodiscard]] BoxSet read_stored_split(const BoxLayout& layout, const std::filesystem::path& path,
                                       const BoxSetOptions& options,
                                       std::vector<std::string>* names = nullptr);

}  // namespace clew::data
