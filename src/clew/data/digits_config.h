// SPDX-License-Identifier: Apache-2.0
// Which digits a recipe works on: MNIST where a folder is given, else drawn ones, and how they are
// distorted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/dataset.h"
#include "clew/data/digits.h"
#include "clew/image/files.h"

namespace clew::data {

struct DigitsConfig {
  std::string source = "auto";
  std::string dir = "";
  std::string kind = "plain";
  std::string background = "auto";
  double validation_share = 0.05;
  std::int64_t train_limit = 0, test_limit = 0;

  void fields(Fields& v) {
    v("source", source,
      {.choices = {"auto", "mnist", "procedural"},
       .help = "where digits come from; auto: MNIST where data.dir is given, else procedural"});
    v("dir", dir, {.path = PathKind::kPath, .help = "folder with the four files of MNIST"});
    v("kind", kind,
      {.choices = {"plain", "r", "rts", "p", "e", "tc", "addition"},
       .help = "how digits are distorted; addition: two of rts and their sum"});
    v("background", background,
      {.choices = image::kBackgrounds,
       .help = "behind transparent pictures that are read; auto: white behind dark, black behind "
               "light"});
    v("validation_share", validation_share,
      {.above = 0.0,
       .below = 1.0,
       .help = "share of the training digits that is held out, to choose weights by"});
    v("train_limit", train_limit,
      {.min = 0, .help = "use only the first so many digits to learn from; 0: all"});
    v("test_limit", test_limit,
      {.min = 0, .help = "use only the first so many digits to validate and to test with; 0: all"});
  }
};

/// "mnist" or "procedural": what `config` comes to here. A run says it. A folder without all of
/// MNIST's files: clew::Error, unless other digits are asked for.
std::string digits_source(const DigitsConfig& config);

/// Writes into `config` what it comes to here: source, and dir as an absolute path. Where digits are
/// drawn though nobody asked for that, a sentence that says so.
std::vector<std::string> resolve_digits(DigitsConfig& config);

/// The digits themselves, without distortion: MNIST's split, or of 60,000 (train) and 10,000 (test)
/// drawn from `key`; or fewer by the limits. Of the training digits `key` draws those for validation
/// (data.validation_share; 0: none). No MNIST where it is asked for: clew::Error.
std::shared_ptr<const Digits> make_plain_digits(const DigitsConfig& config, Split split, Key key);

/// `digits` as `kind`, one of DigitsConfig's, shows them; what is random in an example as below.
std::unique_ptr<Dataset> make_kind(const std::string& kind, std::shared_ptr<const Digits> digits,
                                   Split split, Key key);

/// The data set that `config` describes. What is random in an example of the train split comes from
/// get's key, of the other splits from `key`, so that it is the same in every epoch.
std::unique_ptr<Dataset> make_digits(const DigitsConfig& config, Split split, Key key);

}  // namespace clew::data
