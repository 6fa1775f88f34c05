// SPDX-License-Identifier: Apache-2.0
// Recipe keys of picture folders by class: data.dir, and data.validation and data.test for splits
// in other folders.
#pragma once

#include <memory>
#include <string>

#include "clew/core/config.h"
#include "clew/data/dataset.h"
#include "clew/data/folders.h"
#include "clew/image/files.h"

namespace clew::data {

/// Member or base of a recipe's table `data`, whose fields() calls this one's.
struct FolderConfig {
  std::string dir, validation, test;
  double validation_share = FolderOptions{}.validation_share,
         test_share = FolderOptions{}.test_share;
  bool skip_bad = false;
  image::Background background = image::Background::kAuto;

  void fields(Fields& v) {
    v("dir", dir,
      {.path = PathKind::kPath,
       .help = "folder of pictures, DIR/CLASS/ or DIR/{train,val,test}/CLASS/"});
    v("validation", validation,
      {.path = PathKind::kPath,
       .help = "folder by class to choose weights by, instead of what data.dir has for it"});
    v("test", test,
      {.path = PathKind::kPath,
       .help = "folder by class to test with, instead of what data.dir has for it"});
    v("validation_share", validation_share,
      {.above = 0.0,
       .below = 1.0,
       .help =
           "share of the training pictures that is held out where no folder is for validation"});
    v("test_share", test_share,
      {.above = 0.0, .below = 1.0, .help = "the same share where no folder is to test with"});
    v("skip_bad", skip_bad,
      {.help = "leaves out pictures that cannot be read, each with a warning; reads all of them "
               "first"});
    v("background", background,
      {.help = "behind transparent pictures; auto: white behind dark, black behind light"});
  }
};

/// A split of `config`'s folder. `options`: size, fit and channels; the rest is the config's. No
/// data.dir: UsageError; other errors as ImageFolder.
[[nodiscard]] std::unique_ptr<ImageFolder> make_image_folder(const FolderConfig& config,
                                                             Split split,
                                                             FolderOptions options = {});

}  // namespace clew::data
