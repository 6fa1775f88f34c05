// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mask_check.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/pool.h"
#include "clew/core/text.h"
#include "clew/data/formats/masks.h"
#include "clew/data/formats/voc.h"
#include "clew/data/mask_pictures.h"
#include "clew/data/panoptic.h"
#include "clew/data/splits.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLongestMaskFile = 1ULL << 30;
constexpr std::size_t kMaskNumbers = 256, kUncountedNumber = 255;

/// A mask and its picture as they are in their files.
struct MaskLook {
  int width = 0, height = 0;                            // of the picture, upright
  int mask_width = 0, mask_height = 0;                  // of the mask
  std::uint64_t hash = 0;                               // of the picture
  std::array<std::int64_t, kMaskNumbers> counts{};      // of pixels, by number
  std::int64_t large = 0;                               // pixels above 255
  std::optional<std::uint16_t> first_large{};           // the first of their values
  std::map<std::size_t, std::array<int, 3>> colours{};  // of the numbers that occur
  std::string error, mask_error;
};

struct MaskPart {
  std::string split;
  std::vector<MaskPair> pairs;
  std::vector<MaskLook> looks;
};

std::string without_path(const std::string& text, const fs::path& path) {
  const auto head = path.string() + ": ";
  return text.starts_with(head) ? text.substr(head.size()) : text;
}

/// Colours of a PNG file's palette by number; none of grey ones. The file was read before.
std::vector<std::array<int, 3>> palette_of(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSignature = 8, kChunk = 12;
  std::vector<std::array<int, 3>> colours;
  for (std::size_t at = kSignature; at + kChunk <= file.size();) {
    const std::size_t length = (std::size_t{file[at]} << 24) + (std::size_t{file[at + 1]} << 16) +
                               (std::size_t{file[at + 2]} << 8) + file[at + 3];
    if (length > file.size() - at - kChunk) break;
    const std::string_view kind(reinterpret_cast<const char*>(file.data()) + at + 4, 4);
    if (kind == "PLTE")
      for (std::size_t i = at + 8; i + 3 <= at + 8 + length; i += 3)
        colours.push_back({file[i], file[i + 1], file[i + 2]});
    if (kind == "PLTE" || kind == "IDAT") break;
    at += length + kChunk;
  }
  return colours;
}

void look_at_mask(const MaskPair& pair, MaskLook& look) {
  const auto text = read_file(pair.mask, kLongestMaskFile);
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto mask = pair.panoptic == nullptr ? image::decode_values(bytes, pair.mask.string())
                                             : read_mask(pair, kUncountedNumber);
  look.mask_width = mask.width;
  look.mask_height = mask.height;
  for (const auto value : mask.values) {
    if (value < kMaskNumbers) {
      ++look.counts.at(value);
    } else {
      ++look.large;
      if (!look.first_large) look.first_large = value;
    }
  }
  const bool is_png = bytes.size() > 1 && bytes[1] == 'P';
  if (!is_png || pair.panoptic != nullptr) return;
  const auto palette = palette_of(bytes);
  for (std::size_t i = 0; i < palette.size() && i < kMaskNumbers; ++i)
    if (look.counts.at(i) > 0) look.colours[i] = palette[i];
}

void look_at_pair(const MaskPair& pair, image::Background background, MaskLook& look) {
  try {
    auto picture = image::read(pair.picture, background);
    look.hash =
        hash64(std::as_bytes(std::span(picture.pixels)), static_cast<std::uint64_t>(picture.width));
    look.width = picture.width;
    look.height = picture.height;
  } catch (const Error& error) {
    look.error = without_path(error.what(), pair.picture);
  }
  try {
    look_at_mask(pair, look);
  } catch (const Error& error) {
    look.mask_error = without_path(error.what(), pair.mask);
  }
}

std::string colour_text(const std::array<int, 3>& colour) {
  return concat("(", colour[0], ", ", colour[1], ", ", colour[2], ")");
}

class MaskExamination {
 public:
  MaskExamination(fs::path folder, const CheckOptions& options)
      : folder_(std::move(folder)), options_(options), classes_(options.classes) {
    if (!(options.validation.empty() && options.test.empty()))
      throw UsageError(concat("validation and test are for a folder of pictures by class, got '",
                              folder_.string(), "'"));
    CLEW_CHECK(has_masks(folder_), "'", folder_.string(), "' must hold pictures and masks");
    report_.format = "masks";
    try {
      if (classes_.empty()) classes_ = mask_class_names(folder_);
    } catch (const Error& error) {
      add("unreadable", folder_ / kLabelsFile, without_path(error.what(), folder_ / kLabelsFile));
    }
    find_parts();
    look();
    for (const auto& part : parts_)
      for (std::size_t i = 0; i < part.pairs.size(); ++i) find_faults(part.pairs[i], part.looks[i]);
    find_equal_pictures();
    find_unseen_classes();
  }

  CheckReport report() const { return report_; }

 private:
  void add(const char* kind, const fs::path& file, const std::string& text) {
    report_.findings.push_back({kind, file.lexically_relative(folder_).generic_string(), text});
  }

  /// Number and, where there is one, name of a class.
  std::string class_text(std::size_t number) const {
    return number < classes_.size() ? concat(number, ", ", excerpt(classes_[number]))
                                    : concat(number);
  }

  void find_parts() {
    const auto has = [&](const fs::path& path) {
      std::error_code ignored;
      return fs::is_directory(folder_ / path, ignored);
    };
    if (has("SegmentationClass")) return find_listed_parts();
    if (has("images") && has("masks")) return add_part("all", "images", "masks");
    for (const auto split : {Split::kTrain, Split::kValidation, Split::kTest}) {
      const std::string name(name_of(split));
      if (has(name + "/images") && has(name + "/masks")) {
        add_part(name, name + "/images", name + "/masks");
      } else if (has(name) && has(name + "annot")) {
        add_part(name, name, name + "annot");
      } else {
        add_panoptic_part(split);
      }
    }
  }

  void add_part(const std::string& split, const fs::path& pictures, const fs::path& masks) {
    auto& part = parts_.emplace_back();
    part.split = split;
    const auto all = named_files(folder_ / pictures);
    auto others = named_files(folder_ / masks);
    for (const auto& [stem, file] : all) {
      if (const auto mask = others.extract(stem); mask.empty()) {
        add("unpaired", file, concat("has no mask in ", masks.generic_string()));
      } else {
        part.pairs.push_back({file, mask.mapped()});
      }
    }
    for (const auto& [stem, file] : others)
      add("unpaired", file, concat("has no picture in ", pictures.generic_string()));
  }

  void add_panoptic_part(Split split) {
    try {
      if (const auto panoptic = find_panoptic(folder_, split))
        parts_.push_back({.split = std::string(name_of(split)),
                          .pairs = panoptic_pairs(*panoptic),
                          .looks = {}});
    } catch (const Error& error) {
      add("unreadable", folder_ / "annotations", error.what());
    }
  }

  /// files_by_stem, or none with a finding.
  std::map<std::string, fs::path> named_files(const fs::path& folder) {
    try {
      return files_by_stem(folder);
    } catch (const Error& error) {
      add("unpaired", folder, error.what());
      return {};
    }
  }

  /// Pascal VOC's lists of IDs.
  void find_listed_parts() {
    for (const auto split : {Split::kTrain, Split::kValidation, Split::kTest}) {
      const std::string name(name_of(split));
      const auto list = folder_ / mask_split(name);
      if (!path_exists(list)) continue;
      auto& part = parts_.emplace_back();
      part.split = name;
      std::vector<std::string> ids;
      try {
        ids = read_voc_ids(list);
      } catch (const Error& error) {
        add("unreadable", list, without_path(error.what(), list));
      }
      for (const auto& id : ids) {
        const MaskPair pair{folder_ / voc_picture(id), folder_ / class_mask(id)};
        const bool has_picture = path_exists(pair.picture), has_mask = path_exists(pair.mask);
        if (!has_picture) add("unpaired", pair.picture, "there is no such picture");
        if (!has_mask) add("unpaired", pair.mask, "there is no such mask");
        if (has_picture && has_mask) part.pairs.push_back(pair);
      }
    }
  }

  void look() {
    std::vector<std::pair<const MaskPair*, MaskLook*>> all;
    for (auto& part : parts_) {
      part.looks.resize(part.pairs.size());
      report_.splits.push_back({part.split, std::ssize(part.pairs)});
      for (std::size_t i = 0; i < part.pairs.size(); ++i)
        all.emplace_back(&part.pairs[i], &part.looks[i]);
    }
    std::atomic<std::size_t> next = 0, done = 0;
    ThreadPool pool(options_.threads);
    pool.run([&](int worker) {
      for (std::size_t i = next++; i < all.size(); i = next++) {
        look_at_pair(*all[i].first, options_.background, *all[i].second);
        ++done;
        if (options_.progress && worker == 0)
          options_.progress(static_cast<std::int64_t>(done), std::ssize(all));
      }
    });
    if (options_.progress) options_.progress(std::ssize(all), std::ssize(all));
  }

  void find_faults(const MaskPair& pair, const MaskLook& look) {
    if (!look.error.empty()) {
      add("unreadable", pair.picture, look.error);
    } else {
      ++report_.sizes[{look.width, look.height}];
    }
    if (!look.mask_error.empty()) return add("unreadable", pair.mask, look.mask_error);
    // Masks have no orientation of their own: one of the stored size fits a picture that is turned.
    const bool is_turned = look.width == look.mask_height && look.height == look.mask_width &&
                           image::read_sides(pair.picture).orientation > 4;
    if (look.error.empty() && !is_turned &&
        (look.width != look.mask_width || look.height != look.mask_height))
      add("mask size", pair.mask,
          concat("is ", look.mask_width, "x", look.mask_height, ", its picture ", look.width, "x",
                 look.height));
    find_wrong_values(pair.mask, look);
    for (const auto& [number, colour] : look.colours) {
      const auto [first, is_new] = colours_.try_emplace(number, colour, pair.mask);
      if (is_new || first->second.first == colour) continue;
      add("palette", pair.mask,
          concat("has ", colour_text(colour), " for class ", class_text(number), "; ",
                 first->second.second.lexically_relative(folder_).generic_string(), " has ",
                 colour_text(first->second.first)));
    }
  }

  void find_wrong_values(const fs::path& mask, const MaskLook& look) {
    const auto known = classes_.empty() ? kUncountedNumber : classes_.size();
    std::int64_t wrong = look.large, counted = 0;
    std::optional<std::size_t> first;
    for (std::size_t i = 0; i < kUncountedNumber; ++i) {
      if (i < known) {
        counted += look.counts.at(i);
      } else if (look.counts.at(i) > 0) {
        wrong += look.counts.at(i);
        if (!first) first = i;
      }
    }
    if (!first && look.first_large) first = *look.first_large;
    if (first)
      add("value", mask,
          concat(wrong, wrong == 1 ? " pixel is" : " pixels are", " not in 0..", known - 1,
                 " or 255, but ", *first, wrong == 1 ? "" : " and the like"));
    if (!first && counted == 0) add("void", mask, "all pixels are 255");
  }

  /// From test to train.
  void find_equal_pictures() {
    struct Seen {
      const MaskPart* part;
      const fs::path* picture;
    };
    std::unordered_map<std::uint64_t, Seen> seen;
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
      for (std::size_t i = 0; i < part->pairs.size(); ++i) {
        if (!part->looks[i].error.empty()) continue;
        const auto& picture = part->pairs[i].picture;
        const auto [other, is_new] = seen.try_emplace(part->looks[i].hash, Seen{&*part, &picture});
        if (is_new || other->second.part == &*part) continue;
        add("duplicate", picture,
            concat("of ", part->split, " is the same as ",
                   other->second.picture->lexically_relative(folder_).generic_string(), " of ",
                   other->second.part->split));
      }
    }
  }

  void find_unseen_classes() {
    std::vector<std::set<std::string>> splits(kUncountedNumber);
    std::size_t last = 0;  // behind the largest number
    for (const auto& part : parts_) {
      for (const auto& look : part.looks) {
        for (std::size_t i = 0; i < kUncountedNumber; ++i) {
          if (look.counts.at(i) == 0) continue;
          splits[i].insert(part.split);
          last = std::max(last, i + 1);
        }
      }
    }
    const auto classes = classes_.empty() ? last : classes_.size();
    report_.classes = static_cast<std::int64_t>(classes);
    for (std::size_t i = 0; i < classes && i < kUncountedNumber; ++i) {
      const auto name = concat("class ", class_text(i));
      if (splits[i].empty()) report_.findings.push_back({"class", name, "has no pixel"});
      if (splits[i].size() == 1 && parts_.size() > 1)
        report_.findings.push_back({"class", name, concat("is in ", *splits[i].begin(), " alone")});
    }
  }

  fs::path folder_;
  const CheckOptions& options_;
  CheckReport report_;
  std::vector<std::string> classes_;
  std::vector<MaskPart> parts_;
  // Colour of a number, and the first mask that has it.
  std::map<std::size_t, std::pair<std::array<int, 3>, fs::path>> colours_;
};

}  // namespace

CheckReport check_masks(const fs::path& folder, const CheckOptions& options) {
  return MaskExamination(folder, options).report();
}

std::string mask_remedy_of(const std::string& kind) {
  constexpr std::array<std::pair<const char*, const char*>, 8> kRemedies = {{
      {"unpaired", "add the other file under the same name, or take this one out"},
      {"unreadable", "replace them; save masks of colours with a palette of class numbers"},
      {"mask size", "scale the mask to its picture, by nearest pixels"},
      {"value", "write 255 where no class is meant, or name the classes in labels.txt"},
      {"void", "take the picture out, for nothing can be learned from it"},
      {"palette", "the numbers count; see that both masks mean the same classes"},
      {"duplicate", "take it out of one split"},
      {"class", "add masks to the other splits, or ignore the class (data.ignored)"},
  }};
  for (const auto& [name, text] : kRemedies)
    if (kind == name) return text;
  return {};
}

}  // namespace clew::data
