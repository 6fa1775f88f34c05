// SPDX-License-Identifier: Apache-2.0
#include "clew/data/box_check.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/pool.h"
#include "clew/core/text.h"
#include "clew/data/box_files.h"
#include "clew/data/box_layout.h"
#include "clew/data/box_set.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

/// A picture as it is in its file.
struct BoxLook {
  bool is_there = false;
  int width = 0, height = 0;  // upright
  bool is_turned = false;     // stored with width and height exchanged
  std::uint64_t hash = 0;
  std::string error;
};

struct BoxPart {
  std::string split;
  BoxSource source;
  std::vector<BoxLook> looks;
  std::vector<bool> is_kept;  // in a mended copy
};

void look_at_picture(const fs::path& file, image::Background background, BoxLook& look) {
  std::error_code ignored;
  look.is_there = fs::exists(file, ignored);
  if (!look.is_there) return;
  try {
    const image::Image picture = image::read(file, background);
    look.width = picture.width, look.height = picture.height;
    look.is_turned = image::read_sides(file).orientation > 4;
    look.hash =
        hash64(std::as_bytes(std::span(picture.pixels)), static_cast<std::uint64_t>(picture.width));
  } catch (const Error& error) {
    const std::string text = error.what(), head = file.string() + ": ";
    look.error = text.starts_with(head) ? text.substr(head.size()) : text;
  }
}

std::string edges_text(const std::array<double, 4>& box) {
  return concat("(", box[0], ", ", box[1], ", ", box[2], ", ", box[3], ")");
}

/// Pictures of a folder without splits, divided as by read_box_set.
std::vector<BoxSplit> divided(BoxSplit& all) {
  const SplitFolder where =
      SplitPaths{.train = "all", .validation = {}, .test = {}}.folder(Split::kTrain, {});
  std::vector<BoxSplit> splits;
  for (const Split split : {Split::kTrain, Split::kValidation, Split::kTest}) {
    BoxSplit part{.name = std::string(name_of(split)), .pictures = {}, .names = {}};
    for (std::size_t i = 0; i < all.names.size(); ++i) {
      if (split_of_path(all.names[i], where) != split) continue;
      part.pictures.push_back(std::move(all.pictures[i]));
      part.names.push_back(all.names[i]);
    }
    CLEW_CHECK(!part.pictures.empty(), "a folder without splits must have a picture for ",
               part.name, ", got none of ", all.names.size());
    splits.push_back(std::move(part));
  }
  return splits;
}

/// Examination of a folder, whose pictures become those of a mended copy.
class BoxExamination {
 public:
  BoxExamination(const fs::path& folder, const CheckOptions& options)
      : layout_(find_box_layout(folder)), options_(options) {
    if (!(options.validation.empty() && options.test.empty()))
      throw UsageError(concat("validation and test are for a folder of pictures by class, got '",
                              folder.string(), "'"));
    report_.format = name_of(layout_.format);
    read_annotations();
    look_at_pictures();
    for (auto& part : parts_)
      for (std::size_t i = 0; i < part.source.pictures.size(); ++i)
        part.is_kept[i] = mend_picture(part, i);
    find_duplicates();
    find_lonely_classes();
    find_gaps();
  }

  CheckReport report() const { return report_; }

  void write(const fs::path& out, const FixOptions& options) {
    std::vector<BoxSplit> splits;
    for (auto& part : parts_) {
      BoxSplit split{.name = part.split, .pictures = {}, .names = {}};
      for (std::size_t i = 0; i < part.source.pictures.size(); ++i) {
        if (!part.is_kept[i]) continue;
        split.pictures.push_back(std::move(part.source.pictures[i]));
        split.names.push_back(std::move(part.source.names[i]));
      }
      CLEW_CHECK(!split.pictures.empty(), "'", layout_.root.string(), "', ", split.name,
                 ": no picture is left for a mended copy");
      splits.push_back(std::move(split));
    }
    if (!layout_.is_divided) splits = divided(splits[0]);
    write_box_files(out, classes_, splits,
                    {.format = layout_.format,
                     .progress = options.progress,
                     .should_stop = options.should_stop});
  }

 private:
  void add(const char* kind, const fs::path& file, const std::string& text) {
    report_.findings.push_back(
        {kind, file.lexically_relative(layout_.root).generic_string(), text});
  }

  void read_annotations() {
    std::map<std::string, int> labels;
    for (const auto& [split, path] : layout_.sources()) {
      auto& part = parts_.emplace_back();
      part.split = split;
      part.source = read_box_source(layout_, path, [&](const fs::path& file, std::string text) {
        const std::string head = file.string();
        if (text.starts_with(head)) text.erase(0, head.size());
        if (text.starts_with(": ")) text.erase(0, 2);
        if (text.starts_with(":")) text = "line " + text.substr(1);
        add("unreadable", file, text);
      });
      std::vector<int> label_of;
      for (const auto& name : part.source.classes) {
        const auto [label, is_new] = labels.emplace(name, static_cast<int>(labels.size()));
        if (is_new) classes_.push_back(name);
        label_of.push_back(label->second);
      }
      for (auto& picture : part.source.pictures)
        for (auto& object : picture.objects)
          object.label = label_of[static_cast<std::size_t>(object.label)];
      part.looks.resize(part.source.pictures.size());
      part.is_kept.resize(part.source.pictures.size());
      report_.splits.push_back({split, std::ssize(part.source.pictures)});
    }
    report_.classes = std::ssize(classes_);
  }

  void look_at_pictures() {
    std::vector<std::pair<const fs::path*, BoxLook*>> all;
    for (auto& part : parts_)
      for (std::size_t i = 0; i < part.looks.size(); ++i)
        all.emplace_back(&part.source.pictures[i].file, &part.looks[i]);
    std::atomic<std::size_t> next = 0, done = 0;
    ThreadPool pool(options_.threads);
    pool.run([&](int worker) {
      for (std::size_t i = next++; i < all.size(); i = next++) {
        look_at_picture(*all[i].first, options_.background, *all[i].second);
        ++done;
        if (options_.progress && worker == 0)
          options_.progress(static_cast<std::int64_t>(done), std::ssize(all));
      }
    });
    if (options_.progress) options_.progress(std::ssize(all), std::ssize(all));
  }

  /// Reports and mends the boxes of a picture. False: it is to be left out.
  bool mend_picture(BoxPart& part, std::size_t i) {
    auto& picture = part.source.pictures[i];
    const auto& look = part.looks[i];
    if (!look.is_there) {
      add("missing", picture.file, "there is no such picture");
      return false;
    }
    if (!look.error.empty()) {
      add("unreadable", picture.file, look.error);
      return false;
    }
    ++report_.sizes[{look.width, look.height}];
    const bool is_kept = fit_size(picture, look);
    if (is_kept) mend_boxes(picture);
    return is_kept;
  }

  /// Gives the picture its size. False: its annotation is of another picture.
  bool fit_size(BoxPicture& picture, const BoxLook& look) {
    const bool is_given = picture.width > 0 && picture.height > 0;
    const bool is_upright = picture.width == look.width && picture.height == look.height;
    const bool is_stored =
        look.is_turned && picture.width == look.height && picture.height == look.width;
    if (is_upright || is_stored) return true;
    if (is_given)
      add("size", picture.file,
          concat("is ", look.width, "x", look.height, ", its annotation says ", picture.width, "x",
                 picture.height));
    const double across = is_given ? static_cast<double>(look.width) / picture.width : 1,
                 down = is_given ? static_cast<double>(look.height) / picture.height : 1;
    // The same aspect ratio, but for sides that were rounded.
    constexpr double kSameRatio = 0.01, kRounding = 1;
    if (std::abs(across / down - 1) > kSameRatio &&
        std::abs(picture.height * across - look.height) > kRounding)
      return false;
    picture.width = look.width, picture.height = look.height;
    for (auto& object : picture.objects) {
      for (std::size_t e = 0; e < 4; ++e) object.box_xyxy_px[e] *= e % 2 == 0 ? across : down;
      object.area_px *= across * down;
      for (auto& polygon : object.polygons)
        for (std::size_t k = 0; k < polygon.size(); ++k) polygon[k] *= k % 2 == 0 ? across : down;
      object.runs = {};  // of another size
    }
    return true;
  }

  void mend_boxes(BoxPicture& picture) {
    std::vector<BoxObject> kept;
    for (std::size_t i = 0; i < picture.objects.size(); ++i) {
      auto& object = picture.objects[i];
      auto& box = object.box_xyxy_px;
      const std::string name =
          concat("box ", i + 1, ", ", excerpt(classes_[static_cast<std::size_t>(object.label)]),
                 ", ", edges_text(box));
      const std::array<double, 2> most = {static_cast<double>(picture.width),
                                          static_cast<double>(picture.height)};
      if (!(box[2] > box[0] && box[3] > box[1]) || !std::isfinite(box[2] - box[0]) ||
          !std::isfinite(box[3] - box[1])) {
        add("no area", picture.file, name);
        continue;
      }
      if (is_degenerate(object, picture)) {
        add("outside", picture.file, name);
        continue;
      }
      if (box[0] < -1 || box[1] < -1 || box[2] > most[0] + 1 || box[3] > most[1] + 1)
        add("cut", picture.file, name);
      const auto area = [&] { return (box[2] - box[0]) * (box[3] - box[1]); };
      const bool is_of_box = object.area_px == area();
      for (std::size_t e = 0; e < 4; ++e) box[e] = std::clamp(box[e], 0.0, most[e % 2]);
      if (is_of_box) object.area_px = area();
      const bool is_twin = std::ranges::any_of(kept, [&](const BoxObject& other) {
        return other.label == object.label && other.box_xyxy_px == box;
      });
      if (is_twin) {
        add("twice", picture.file, name);
        continue;
      }
      kept.push_back(std::move(object));
    }
    picture.objects = std::move(kept);
  }

  /// From test to train, so that a copy keeps what results are measured on.
  void find_duplicates() {
    struct Seen {
      const BoxPart* part;
      const BoxPicture* picture;
    };
    std::unordered_map<std::uint64_t, Seen> seen;
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
      for (std::size_t i = 0; i < part->looks.size(); ++i) {
        if (!part->looks[i].is_there || !part->looks[i].error.empty()) continue;
        const auto& picture = part->source.pictures[i];
        const auto [other, is_new] = seen.try_emplace(part->looks[i].hash, Seen{&*part, &picture});
        if (is_new || other->second.part == &*part) continue;
        add("duplicate", picture.file,
            concat("of ", part->split, " is the same as ",
                   other->second.picture->file.lexically_relative(layout_.root).generic_string(),
                   " of ", other->second.part->split));
        part->is_kept[i] = false;
      }
    }
  }

  void find_lonely_classes() {
    std::vector<std::set<std::string>> splits(classes_.size());
    for (const auto& part : parts_)
      for (const auto& picture : part.source.pictures)
        for (const auto& object : picture.objects)
          splits[static_cast<std::size_t>(object.label)].insert(part.split);
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      const auto& in = splits[i];
      if (in.empty()) report_.findings.push_back({"class", classes_[i], "has no box"});
      if (in.size() == 1 && parts_.size() > 1)
        report_.findings.push_back({"class", classes_[i], concat("is in ", *in.begin(), " alone")});
    }
  }

  void find_gaps() {
    if (layout_.format == BoxFormat::kVoc || parts_[0].source.class_ids.empty()) return;
    const auto& ids = parts_[0].source.class_ids;  // sorted
    const std::int64_t first = ids.front() == 0 || layout_.format == BoxFormat::kYolo ? 0 : 1;
    std::int64_t wanted = first, missing = -1, count = 0;
    for (const std::int64_t id : ids) {
      if (id != wanted && missing < 0) missing = wanted;
      if (id > wanted) count += id - wanted;
      wanted = id + 1;
    }
    if (missing < 0) return;
    report_.findings.push_back(
        {"gap", layout_.format == BoxFormat::kYolo ? "names" : "categories",
         concat("classes are numbered ", ids.front(), "..", ids.back(), ", without ", missing,
                count > 1 ? concat(" and ", count - 1, " more") : std::string())});
  }

  BoxLayout layout_;
  const CheckOptions& options_;
  CheckReport report_;
  std::vector<BoxPart> parts_;
  std::vector<std::string> classes_;
};

}  // namespace

bool has_boxes(const fs::path& folder) { return has_box_layout(folder); }

CheckReport check_boxes(const fs::path& folder, const CheckOptions& options) {
  return BoxExamination(folder, options).report();
}

std::string remedy_of(const std::string& kind) {
  constexpr std::array<std::pair<const char*, const char*>, 10> kRemedies = {{
      {"missing", "add them, or let --fix leave them out"},
      {"unreadable", "replace or correct the files, or let --fix leave them out"},
      {"size", "--fix scales boxes to a picture of the same aspect ratio, and leaves out others"},
      {"no area", "correct them, or let --fix drop them, as training does"},
      {"outside", "correct them, or let --fix drop them, as training does"},
      {"cut", "--fix cuts them at the picture, as training does"},
      {"twice", "--fix keeps one of each"},
      {"duplicate", "--fix keeps them in test, else in val"},
      {"class", "add boxes to the other splits, or take the class out"},
      {"gap", "--fix numbers the classes without gaps"},
  }};
  for (const auto& [name, text] : kRemedies)
    if (kind == name) return text;
  return {};
}

CheckReport fix_boxes(const fs::path& folder, const fs::path& out, const FixOptions& options) {
  std::error_code ignored;
  CLEW_CHECK(!fs::equivalent(folder, out, ignored),
             "a mended copy must go into another folder than '", folder.string(), "'");
  BoxExamination examination(folder, options.check);
  const auto report = examination.report();
  examination.write(out, options);
  return report;
}

}  // namespace clew::data
