// SPDX-License-Identifier: Apache-2.0
// Splits of data sets: by folder, by a hash of paths, and hold-out validation. Without LibTorch.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "clew/core/key.h"
#include "clew/core/names.h"

namespace clew::data {

/// Splits of a data set.
enum class Split { kTrain, kValidation, kTest };
constexpr auto names(Split) {
  return std::to_array<Named<Split>>(
      {{Split::kTrain, "train"}, {Split::kValidation, "val"}, {Split::kTest, "test"}});
}

/// Split of a common folder name, in any case: train, training; val, valid, validation; test,
/// testing.
[[nodiscard]] std::optional<Split> split_of_name(const std::string& name);

/// Folder or file of a split's pictures.
struct SplitFolder {
  std::filesystem::path path;
  bool is_shared = false;  // with other splits (split_of_path)
  double test_share = 0, validation_share = 0;
};
/// Shares in (0,1) for splits without a folder: test of all pictures, validation of the training
/// pictures.
struct SplitShares {
  double test = 0.2, validation = 0.1;
};
/// Folders of the splits; empty: none.
struct SplitPaths {
  std::filesystem::path train, validation, test;

  std::filesystem::path& of(Split split) {
    return split == Split::kTrain ? train : split == Split::kTest ? test : validation;
  }
  /// Folder of a split. Splits without one share train's.
  [[nodiscard]] SplitFolder folder(Split split, const SplitShares& shares) const;
};

/// Hash of a relative path, in [0,1); the same on every machine.
[[nodiscard]] double share_of_path(const std::string& file);
/// Split of a file of a shared folder, by the hash of its path below it.
[[nodiscard]] Split split_of_path(const std::string& file, const SplitFolder& where);

struct HeldOut {
  std::vector<std::int64_t> train, validation;  // example indices, ascending, disjoint
};

/// Random validation share in [0,1) of examples 0..size-1, rounded; at least one for a share above
/// 0, and at least one is left for training. A single example with a share above 0: clew::Error.
HeldOut hold_out(std::int64_t size, double share, const Key& key);

}  // namespace clew::data
