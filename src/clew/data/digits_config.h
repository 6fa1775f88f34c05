// SPDX-License-Identifier: Apache-2.0
// Which digits a recipe works on: MNIST where a folder is given, else drawn ones, and how they are
// distorted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/data/dataset.h"
#include "clew/data/digits.h"
#include "clew/data/distorted_digits.h"
#include "clew/image/files.h"

namespace clew::data {

/// Origin of digits.
enum class DigitsSource : std::uint8_t {
  kAuto,  // MNIST where its folder is given, else drawn
  kMnist,
  kProcedural,  // drawn
};
constexpr auto names(DigitsSource) {
  return std::to_array<Named<DigitsSource>>({{DigitsSource::kAuto, "auto"},
                                             {DigitsSource::kMnist, "mnist"},
                                             {DigitsSource::kProcedural, "procedural"}});
}

/// Keys of the origin of digits, "source" and "dir".
inline void origin_fields(Fields& v, DigitsSource& source, std::string& dir) {
  v("source", source,
    {.help = "where digits come from; auto: MNIST where data.dir is given, else procedural"});
  v("dir", dir,
    {.path = PathKind::kPath,
     .resume = Resume::kAny,
     .is_setting = false,
     .help = "folder with the four files of MNIST"});
}

struct DigitsConfig {
  DigitsSource source = DigitsSource::kAuto;
  std::string dir = "";
  DigitsKind kind = DigitsKind::kPlain;
  image::Background background = image::Background::kAuto;
  double validation_share = 0.05;
  std::int64_t train_limit = 0, test_limit = 0;

  void fields(Fields& v) {
    origin_fields(v, source, dir);
    v("kind", kind, {.help = "how digits are distorted; addition: two of rts and their sum"});
    v("background", background,
      {.help = "behind transparent pictures that are read; auto: white behind dark, black behind "
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

/// The source that `config` comes to here, never kAuto. A run says it. A folder without all of
/// MNIST's files: clew::Error, unless other digits are asked for.
DigitsSource digits_source(const DigitsConfig& config);

/// Writes into `config` what it comes to here: source, and dir as an absolute path. Where digits are
/// drawn though nobody asked for that, a sentence that says so.
std::vector<std::string> resolve_digits(DigitsConfig& config);

/// The digits themselves, without distortion: MNIST's split, or of 60,000 (train) and 10,000 (test)
/// drawn from `key`; or fewer by the limits. Of the training digits `key` draws those for validation
/// (data.validation_share; 0: none). No MNIST where it is asked for: clew::Error.
std::shared_ptr<const Digits> make_plain_digits(const DigitsConfig& config, Split split, Key key);

/// `digits` as `kind` shows them; what is random in an example as below.
std::unique_ptr<Dataset> make_kind(DigitsKind kind, std::shared_ptr<const Digits> digits,
                                   Split split, Key key);

/// The data set that `config` describes. What is random in an example of the train split comes from
/// get's key, of the other splits from `key`, so that it is the same in every epoch.
std::unique_ptr<Dataset> make_digits(const DigitsConfig& config, Split split, Key key);

}  // namespace clew::data
