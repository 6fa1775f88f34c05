// SPDX-License-Identifier: Apache-2.0
// Digits of a recipe: MNIST where a folder is given, else procedural, and their distortion.
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
  kAuto,  // MNIST where its folder is given, else procedural
  kMnist,
  kProcedural,  // data::DrawnDigits
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

/// Resolved source, never kAuto. A folder without all of MNIST's files: clew::Error, unless the
/// source is kProcedural.
DigitsSource digits_source(const DigitsConfig& config);

/// Resolves source, and dir to an absolute path. Returns a note where kAuto falls back to
/// procedural digits.
std::vector<std::string> resolve_digits(DigitsConfig& config);

/// Undistorted digits of a split, up to the limits: MNIST's, or 60,000 (train) and 10,000 (test)
/// procedural ones drawn from `key`. `key` also draws the validation share of the training digits
/// (data.validation_share; 0: none). A missing MNIST: clew::Error.
std::shared_ptr<const Digits> make_plain_digits(const DigitsConfig& config, Split split, Key key);

/// `digits` distorted as `kind`; randomness as in make_digits.
std::unique_ptr<Dataset> make_kind(DigitsKind kind, std::shared_ptr<const Digits> digits,
                                   Split split, Key key);

/// Data set of `config`. Randomness of training examples comes from get's key, of the other splits'
/// from `key`, so that these are the same in every epoch.
std::unique_ptr<Dataset> make_digits(const DigitsConfig& config, Split split, Key key);

}  // namespace clew::data
