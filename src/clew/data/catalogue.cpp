// SPDX-License-Identifier: Apache-2.0
#include "clew/data/catalogue.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/text.h"
#include "clew/data/box_check.h"
#include "clew/data/box_pictures.h"
#include "clew/data/digits_config.h"
#include "clew/data/distorted_digits.h"
#include "clew/data/download.h"
#include "clew/data/folders.h"
#include "clew/data/idx.h"
#include "clew/data/mnist.h"
#include "clew/data/scenes.h"
#include "clew/data/staging.h"

namespace clew::data {
namespace fs = std::filesystem;
namespace {

/// Set name of a kind: "digits" for "plain", else the kind's.
std::string set_name(DigitsKind kind) {
  return kind == DigitsKind::kPlain ? "digits" : std::string(name_of(kind));
}
std::optional<DigitsKind> kind_of(const std::string& name) {
  for (const auto& row : names(DigitsKind{}))
    if (set_name(row.value) == name) return row.value;
  return std::nullopt;
}

/// Refuses existing paths of these names, also folders and dangling links.
void refuse_mnist_in(const fs::path& folder) {
  for (const Split part : {Split::kTrain, Split::kTest}) {
    for (const bool is_images : {true, false}) {
      for (const char* ending : {"", ".gz"}) {
        const std::string name = mnist_file_name(part, is_images) + ending;
        std::error_code ignored;
        CLEW_CHECK(!fs::exists(fs::symlink_status(folder / name, ignored)), "'", folder.string(),
                   "' already holds ", name);
      }
    }
  }
}

/// Refuses a too large images file before anything is drawn.
void check_bytes(const Dataset& set, const Key& key) {
  const std::int64_t each = set.get(0, fold_in(key, 0, 0))["image"].numel();
  const auto most = static_cast<std::int64_t>(kMaxIdxBytes) / each;
  CLEW_CHECK(set.size() <= most, "a file holds at most ", most, " such examples of ", each,
             " bytes, got ", set.size());
}

std::vector<SetInfo> list_sets() {
  std::vector<SetInfo> sets;
  for (const auto& one : remote_sets()) {
    std::int64_t bytes = 0;
    for (const auto& file : one.files) bytes += file.bytes;
    sets.push_back({one.name, concat(bytes / 1024, " KiB"), one.what, one.licence, one.origin,
                    concat("clew data get ", one.name, " --data DIR")});
  }
  sets.push_back({set_name(DigitsKind::kPlain), "60000+10000",
                  "digits drawn from strokes in the manner of MNIST, 28x28", "Apache-2.0",
                  "this program", "made when asked for; make writes files"});
  const auto add = [&sets](const std::string& name, const char* size, const char* what) {
    sets.push_back({name, size, what, "as its digits: MNIST's, or Apache-2.0 for drawn ones",
                    "M. Jaderberg et al. 2015, arXiv:1506.02025, appendix A",
                    "made when asked for"});
  };
  const auto add_kind = [&add](DigitsKind kind, const char* what) {
    add(set_name(kind), "as its digits", what);
  };
  add_kind(DigitsKind::kR, "digits turned by up to 90 degrees, 28x28");
  add_kind(DigitsKind::kRts,
           "digits turned by up to 45 degrees, scaled by 0.7 to 1.2, placed, 42x42");
  add_kind(DigitsKind::kP,
           "digits scaled by 0.75 to 1, the picture's corners moved by 5 pixels, 42x42");
  add_kind(DigitsKind::kE, "digits scaled by 0.75 to 1, bent by 1.5 pixels at 16 points, 28x28");
  add_kind(DigitsKind::kTc, "digits placed among six 6x6 pieces of others, 60x60");
  add_kind(DigitsKind::kAddition, "two digits of rts and their sum, 2x42x42");
  add("t84", "100", "digits of one class to be found, 84x84");
  add("tc84", "100", "digits of one class to be found among 16 pieces of others, 84x84");
  sets.push_back({"scenes", "10000+2000",
                  "drawn pictures of objects of 12 classes, with boxes and masks, 128x128",
                  "Apache-2.0", "this program",
                  "made when asked for; make writes files of six forms"});
  return sets;
}

}  // namespace

const std::vector<SetInfo>& known_sets() {
  static const std::vector<SetInfo> kSets = list_sets();
  return kSets;
}

std::unique_ptr<Dataset> open_set(const std::string& name, const OpenOptions& options) {
  const auto want_no_validation = [&] {
    if (options.split == Split::kValidation) {
      throw UsageError(concat("'", name,
                              "' is a training and a test set, got split = val; recipes hold out "
                              "a share of the first, data.validation_share"));
    }
  };
  std::error_code ignored;
  const bool is_folder =
      std::ranges::none_of(known_sets(), [&](const SetInfo& set) { return set.name == name; }) &&
      fs::is_directory(name, ignored);
  if ((!is_folder || has_whole_mnist(name)) &&
      !(options.validation.empty() && options.test.empty()))
    throw UsageError(
        concat("validation and test are for a folder of pictures by class, got '", name, "'"));
  DigitsConfig config{.dir = options.mnist.string(), .validation_share = 0};
  if (name == "mnist") {
    if (config.dir.empty()) throw UsageError("mnist needs the folder of its four files");
    config.source = DigitsSource::kMnist;
  } else if (const auto kind = kind_of(name)) {
    config.kind = *kind;
  } else if (name == "t84" || name == "tc84") {
    want_no_validation();
    return std::make_unique<LocatedDigits>(
        make_plain_digits(config, options.split, options.key),
        LocatedOptions{.digit = options.digit,
                       .patches = name == "t84" ? 0 : 16,
                       .draw = {.key = fold_in(options.key, 2), .is_fixed = true}});
  } else if (name == "scenes") {
    return std::make_unique<Scenes>(
        SceneOptions{.size = options.split == Split::kTrain ? kSceneTrain : kSceneTest,
                     .key = scene_key(options.key, options.split)});
  } else {
    if (is_folder) {
      if (has_whole_mnist(name)) {
        want_no_validation();
        return std::make_unique<IdxPictures>(name, options.split);
      }
      if (has_boxes(name)) {
        if (!(options.validation.empty() && options.test.empty()))
          throw UsageError(concat(
              "validation and test are for a folder of pictures by class, got '", name, "'"));
        BoxDataConfig boxes;
        boxes.dir = name;
        boxes.background = options.background;
        return std::make_unique<BoxPictures>(boxes, options.split);
      }
      return std::make_unique<ImageFolder>(name, options.split,
                                           FolderOptions{.background = options.background,
                                                         .validation = options.validation,
                                                         .test = options.test});
    }
    std::vector<std::string> names;
    for (const auto& one : known_sets()) names.push_back(one.name);
    throw UsageError(concat("no data set or folder '", name, "'; `clew data list` names the sets",
                            did_you_mean(name, names)));
  }
  want_no_validation();
  return make_digits(config, options.split, options.key);
}

std::vector<std::string> made_sets() {
  std::vector<std::string> sets;
  for (const auto& row : names(DigitsKind{})) sets.push_back(set_name(row.value));
  return sets;
}

void make_files(const std::string& name, const fs::path& folder, const MakeOptions& options) {
  const auto kind = kind_of(name);
  if (!kind) {
    throw UsageError(concat("only ", clew::join(made_sets()),
                            " can be files as MNIST's, and scenes files of other "
                            "forms, got '",
                            name, "'", did_you_mean(name, made_sets())));
  }
  refuse_mnist_in(folder);
  const auto digits_of = [&](Split part) -> std::shared_ptr<const Digits> {
    const bool is_train = part == Split::kTrain;
    const std::int64_t most = is_train ? options.train : options.test;
    if (!options.mnist.empty()) return std::make_shared<const Mnist>(options.mnist, part, most);
    return std::make_shared<const DrawnDigits>(
        DrawnDigitsOptions{.size = most, .key = fold_in(options.key, is_train ? 0 : 1)});
  };
  // Open both before anything is written.
  std::vector<std::unique_ptr<Dataset>> sets;
  const Key key = fold_in(options.key, 3);
  std::int64_t total = 0, before = 0;
  for (const Split part : {Split::kTrain, Split::kTest}) {
    sets.push_back(make_kind(*kind, digits_of(part), part, options.key));
    check_bytes(*sets.back(), key);
    total += sets.back()->size();
  }
  const StagingFolder staging(folder, [&] { refuse_mnist_in(folder); });
  for (const Split part : {Split::kTrain, Split::kTest}) {
    const Dataset& set = *sets[part == Split::kTrain ? 0 : 1];
    write_mnist(staging.path(), part, set, options.is_gzip, key, [&](std::int64_t done) {
      if (options.progress) options.progress(before + done, total);
      CLEW_CHECK(!options.should_stop || !options.should_stop(), "stopped with ", before + done,
                 " of ", total, " examples; nothing is written");
    });
    before += set.size();
  }
  staging.deliver();
}

}  // namespace clew::data
