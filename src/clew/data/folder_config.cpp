// SPDX-License-Identifier: Apache-2.0
#include "clew/data/folder_config.h"

#include <filesystem>

#include "clew/core/error.h"

namespace clew::data {

std::unique_ptr<ImageFolder> make_image_folder(const FolderConfig& config, Split part,
                                               FolderOptions options) {
  if (config.dir.empty()) throw UsageError("data.dir must name a folder of pictures");
  options.validation = config.validation;
  options.test = config.test;
  options.validation_share = config.validation_share;
  options.test_share = config.test_share;
  options.background = config.background;
  options.skip_bad = config.skip_bad;
  return std::make_unique<ImageFolder>(config.dir, part, options);
}

}  // namespace clew::data
