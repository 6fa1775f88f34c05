// SPDX-License-Identifier: Apache-2.0
#include "clew/data/check.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <system_error>
#include <unordered_map>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/pool.h"
#include "clew/data/box_check.h"
#include "clew/data/folders.h"
#include "clew/data/idx.h"
#include "clew/data/mask_check.h"
#include "clew/data/mask_pictures.h"
#include "clew/data/mnist.h"
#include "clew/image/files.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

std::uint64_t hash_of(std::span<const std::uint8_t> bytes, std::uint64_t seed = 0) {
  return hash64(std::as_bytes(bytes), seed);
}

/// Error message without its leading path.
std::string without(const std::string& text, const fs::path& path) {
  const std::string head = path.string() + ": ";
  return text.starts_with(head) ? text.substr(head.size()) : text;
}

/// Limit for unpacking images whose number differs from the labels'; above MNIST's size.
constexpr std::int64_t kMostWithoutLabels = std::int64_t{1} << 26;

/// Readable files of one split in MNIST's format.
struct IdxSplit {
  std::string name;
  std::optional<IdxArray> images, labels;
};

std::optional<IdxArray> read_part(const fs::path& path, bool is_images,
                                  std::vector<Finding>& findings,
                                  const IdxHeadCheck& check_head = {}) {
  const auto found = [&](const char* kind, const std::string& text) {
    findings.push_back({kind, path.filename().string(), text});
  };
  IdxArray array;
  try {
    array = read_idx(path, kMaxIdxBytes, check_head);
  } catch (const Error& error) {
    found("unreadable", without(error.what(), path));
    return std::nullopt;
  }
  const std::size_t sides = array.shape.size();
  const bool has_sides = is_images ? sides == 3 || sides == 4 : sides == 1;  // [N,H,W], [N,C,H,W]
  if (array.type != IdxType::kU8 || !has_sides) {
    found("shape", concat("must be bytes with ", is_images ? "3 or 4 sides" : "1 side",
                          ", got type ", static_cast<int>(array.type), " with ", sides));
    return std::nullopt;
  }
  return array;
}

/// Reads the two files of a split, labels first: images of another number are unpacked only up to
/// kMostWithoutLabels, whatever their header claims.
IdxSplit read_split(const fs::path& folder, Split part, CheckReport& report,
                    const std::function<void()>& on_file) {
  IdxSplit split{.name = part == Split::kTrain ? "train" : "test", .images = {}, .labels = {}};
  std::vector<Finding> of_labels;
  const auto missing = [&](const char* what) -> Finding {
    return {"unreadable", split.name, concat("there is no file of ", what)};
  };
  const fs::path labels = mnist_file(folder, part, false), images = mnist_file(folder, part, true);
  if (labels.empty()) {
    of_labels.push_back(missing("labels"));
  } else {
    split.labels = read_part(labels, false, of_labels);
  }
  on_file();
  if (images.empty()) {
    report.findings.push_back(missing("images"));
  } else {
    const std::int64_t count = split.labels ? split.labels->shape[0] : 0;
    split.images = read_part(images, true, report.findings, [count](const IdxArray& head) {
      std::int64_t bytes = 1;  // at most kMaxIdxBytes
      for (const std::int64_t side : head.shape) bytes *= side;
      CLEW_CHECK(head.shape[0] == count || bytes <= kMostWithoutLabels, head.shape[0],
                 " images for ", count, " labels are not unpacked");
    });
  }
  on_file();
  report.findings.insert(report.findings.end(), of_labels.begin(), of_labels.end());
  return split;
}

/// Checks that labels are in [0,classes) and every class occurs.
void check_labels(const IdxSplit& split, std::int64_t classes, CheckReport& report) {
  const std::string where = split.name + " labels";
  std::vector<std::int64_t> counts(256, 0);
  std::int64_t wrong = 0, first = -1;
  const auto& labels = split.labels->data;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    ++counts[labels[i]];
    if (labels[i] >= classes && wrong++ == 0) first = static_cast<std::int64_t>(i);
  }
  if (wrong > 0) {
    report.findings.push_back(
        {"label", where,
         concat(wrong, " labels are above ", classes - 1, ", the first at place ", first, " is ",
                int{labels[static_cast<std::size_t>(first)]})});
  }
  const auto is_missing = [&](std::int64_t label) {
    return label < classes && counts[static_cast<std::size_t>(label)] == 0;
  };
  for (std::int64_t label = 0; label < classes; ++label) {
    if (!is_missing(label)) continue;
    const std::int64_t low = label;
    while (is_missing(label + 1)) ++label;
    report.findings.push_back({"gap", where,
                               label == low ? concat("no example of ", low)
                                            : concat("no example of ", low, "..", label)});
  }
}

/// Number of classes of digit sets by picture size (MNIST, and make_files' sets); 0: another set.
std::int64_t known_classes(const IdxSplit& split) {
  if (!split.images) return 10;
  const std::vector<std::int64_t> sides(split.images->shape.begin() + 1, split.images->shape.end());
  if (sides == std::vector<std::int64_t>{2, 42, 42}) return 19;  // sums of two digits
  for (const std::int64_t side : {std::int64_t{kDigitSide}, std::int64_t{42}, std::int64_t{60}}) {
    if (sides == std::vector{side, side}) return 10;
  }
  return 0;
}

/// Number of classes: the known one, or more if training labels exceed it. Rare labels above the
/// known number, or above a gap, count as errors.
std::int64_t classes_of(const IdxSplit& train) {
  const std::int64_t known = known_classes(train);
  if (!train.labels || train.labels->data.empty()) return known > 0 ? known : 10;
  const auto& labels = train.labels->data;
  std::vector<std::size_t> counts(256, 0);
  for (const std::uint8_t label : labels) ++counts[label];
  std::int64_t classes = known;
  std::size_t left = labels.size();  // with this label or above
  for (std::int64_t label = 0; label < 256; ++label) {
    const std::size_t count = counts[static_cast<std::size_t>(label)];
    const bool is_rare = left < labels.size() && (left == 1 || 100 * left <= labels.size());
    const bool stands_apart = label > classes || (label == known && known > 0);
    if (count > 0 && label >= classes) {
      if (is_rare && stands_apart) break;
      classes = label + 1;
    }
    left -= count;
  }
  return classes;
}

std::string sides_text(const std::vector<std::int64_t>& sides) {
  std::string text;
  for (const std::int64_t side : sides) {
    if (!text.empty()) text.push_back('x');
    text += std::to_string(side);
  }
  return text;
}

CheckReport check_idx(const fs::path& folder, const CheckProgress& progress) {
  CheckReport report{.format = "idx", .splits = {}, .classes = 10, .findings = {}};
  std::unordered_map<std::uint64_t, std::int64_t> train;  // hash of a picture -> index
  std::vector<std::int64_t> shape;
  std::int64_t done = 0;
  for (const Split part : {Split::kTrain, Split::kTest}) {
    const IdxSplit split = read_split(folder, part, report, [&] {
      if (progress) progress(++done, 4);
    });
    if (part == Split::kTrain) report.classes = classes_of(split);
    if (split.labels) check_labels(split, report.classes, report);
    report.splits.push_back({split.name, split.images ? split.images->shape[0] : 0});
    if (!split.images) continue;
    const IdxArray& images = *split.images;
    if (split.labels && split.labels->shape[0] != images.shape[0]) {
      report.findings.push_back(
          {"shape", split.name,
           concat(images.shape[0], " images, ", split.labels->shape[0], " labels")});
    }
    const std::vector<std::int64_t> sides(images.shape.begin() + 1, images.shape.end());
    std::size_t area = 1;
    for (const std::int64_t side : sides) area *= static_cast<std::size_t>(side);
    if (area == 0) {
      report.findings.push_back(
          {"shape", split.name, concat("images are ", sides_text(sides), ", which is empty")});
      continue;
    }
    if (shape.empty()) shape = sides;
    if (sides != shape) {
      report.findings.push_back({"shape", split.name,
                                 concat("images are ", sides_text(sides), ", wanted ",
                                        sides_text(shape), ", not empty")});
      continue;
    }
    for (std::int64_t i = 0; i < images.shape[0]; ++i) {
      const auto hash =
          hash_of(std::span(images.data).subspan(static_cast<std::size_t>(i) * area, area));
      if (part == Split::kTrain) {
        train.emplace(hash, i);
      } else if (const auto twin = train.find(hash); twin != train.end()) {
        report.findings.push_back(
            {"duplicate", concat("test ", i), concat("is the same as train ", twin->second)});
      }
    }
  }
  return report;
}

/// One picture of a folder, and the result of its check.
struct Picture {
  fs::path path;
  std::string split, name;  // "train", "val" or "test"; class
  int width = 0, height = 0;
  std::uint64_t hash = 0;
  std::string error;
};

void read_pictures(std::vector<Picture>& pictures, image::Background background, int threads,
                   const CheckProgress& progress) {
  ThreadPool pool(threads);
  std::atomic<std::int64_t> done = 0;
  const auto total = static_cast<std::int64_t>(pictures.size());
  pool.run([&](int worker) {
    const Share share = share_of(total, worker, pool.threads());
    for (std::int64_t i = share.begin; i < share.end; ++i) {
      Picture& picture = pictures[static_cast<std::size_t>(i)];
      try {
        const image::Image read = image::read(picture.path, background);
        picture.width = read.width, picture.height = read.height;
        picture.hash = hash_of(read.pixels, static_cast<std::uint64_t>(read.width));
      } catch (const Error& error) {
        picture.error = without(error.what(), picture.path);
      }
      ++done;
      if (progress && worker == 0) progress(done, total);
    }
  });
  if (progress) progress(total, total);
}

/// A folder of pictures of one or more splits.
struct CheckedFolder {
  std::string name;  // "all" if shared by splits
  SplitFolder where;
};

std::vector<CheckedFolder> folders_to_check(const fs::path& folder, const CheckOptions& options) {
  const FolderOptions splits{.validation = options.validation, .test = options.test};
  std::vector<CheckedFolder> folders;
  for (const Split part : {Split::kTrain, Split::kValidation, Split::kTest}) {
    const auto where = split_folder(folder, part, splits);
    const bool is_known = std::ranges::any_of(
        folders, [&](const CheckedFolder& one) { return one.where.path == where.path; });
    if (is_known) continue;
    const bool is_elsewhere = where.path == options.validation || where.path == options.test;
    folders.push_back({where.path == folder               ? "all"
                       : !is_elsewhere                    ? where.path.filename().string()
                       : where.path == options.validation ? "val"
                                                          : "test",
                       where});
  }
  return folders;
}

CheckReport check_pictures(const fs::path& folder, const CheckOptions& options) {
  CheckReport report{.format = "images", .splits = {}, .classes = 0, .findings = {}};
  std::vector<fs::path> other_folders, other_files;
  (void)split_folders(folder, &other_folders);
  const auto splits = folders_to_check(folder, options);
  std::vector<Picture> pictures;
  std::map<std::string, std::map<std::string, std::size_t>> classes;  // class -> split -> pictures
  for (const auto& [split, where] : splits) {
    std::int64_t count = 0;
    for (const auto& one : list_classes(where.path, &other_files)) {
      classes[one.name][split] = one.files.size();
      count += static_cast<std::int64_t>(one.files.size());
      const auto uses = splits_of(one, where);
      for (std::size_t i = 0; i < uses.size(); ++i) {
        const std::string use = split != "all"                  ? split
                                : uses[i] == Split::kTrain      ? "train"
                                : uses[i] == Split::kValidation ? "val"
                                                                : "test";
        pictures.push_back({.path = one.files[i], .split = use, .name = one.name, .error = {}});
      }
    }
    report.splits.push_back({split, count});
  }
  CLEW_CHECK(!pictures.empty() || !classes.empty(), "'", folder.string(),
             "' holds neither files of MNIST's form nor pictures in FOLDER/CLASS/");
  for (const auto& path : other_files) ++report.ignored[path.extension().string()];
  for (const auto& path : other_folders) ++report.ignored[path.filename().string() + '/'];
  report.classes = static_cast<std::int64_t>(classes.size());
  for (const auto& [name, counts] : classes) {
    for (const auto& [split, where] : splits) {
      const auto count = counts.find(split);
      if (count == counts.end() || count->second == 0)
        report.findings.push_back(
            {"gap", name, splits.size() == 1 ? "no picture" : "no picture in " + split});
    }
  }
  read_pictures(pictures, options.background, options.threads, options.progress);
  std::unordered_map<std::uint64_t, const Picture*> seen;
  for (const auto& picture : pictures) {
    const std::string where = picture.path.lexically_relative(folder).generic_string();
    if (!picture.error.empty()) {
      report.findings.push_back({"unreadable", where, picture.error});
      continue;
    }
    ++report.sizes[{picture.width, picture.height}];
    const auto [twin, is_new] = seen.emplace(picture.hash, &picture);
    if (is_new) continue;
    const Picture& other = *twin->second;
    // A duplicate within a class and split is only a weight.
    if (other.split == picture.split && other.name == picture.name) continue;
    report.findings.push_back(
        {"duplicate", where,
         "is the same as " + other.path.lexically_relative(folder).generic_string()});
  }
  return report;
}

}  // namespace

CheckReport check_data(const fs::path& folder, const CheckOptions& options) {
  std::error_code code;
  CLEW_CHECK(fs::is_directory(folder, code), "cannot check '", folder.string(),
             "': ", code ? code.message() : "it is no folder");
  for (const Split part : {Split::kTrain, Split::kTest}) {
    for (const bool is_images : {true, false}) {
      if (mnist_file(folder, part, is_images).empty()) continue;
      if (!(options.validation.empty() && options.test.empty()))
        throw UsageError(concat("validation and test are for a folder of pictures by class, got '",
                                folder.string(), "'"));
      return check_idx(folder, options.progress);
    }
  }
  if (has_boxes(folder)) return check_boxes(folder, options);
  if (has_masks(folder)) return check_masks(folder, options);
  return check_pictures(folder, options);
}

}  // namespace clew::data
