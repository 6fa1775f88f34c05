// SPDX-License-Identifier: Apache-2.0
#include "clew/data/scene_files.h"

#include <torch/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/pool.h"
#include "clew/data/formats/coco.h"
#include "clew/data/formats/masks.h"
#include "clew/data/formats/voc.h"
#include "clew/data/image_tensor.h"
#include "clew/data/staging.h"
#include "clew/image/files.h"
#include "clew/image/video.h"

namespace clew::data {
namespace {

namespace fs = std::filesystem;

constexpr std::array kSceneSplits = {Split::kTrain, Split::kValidation, Split::kTest};
constexpr std::array kSceneSplitNames = {"train", "val", "test"};
constexpr double kClipRate = 25;  // frames per second

/// A scene to be written.
struct SceneItem {
  std::size_t split = 0;    // index in kSceneSplits
  std::int64_t number = 0;  // from 1, over all splits
  std::string id;           // "000001"
  const Example& example;
};

std::vector<std::uint8_t> jpeg_of(const image::Image& picture) {
  return image::encode(picture, {.format = image::Format::kJpeg, .quality = 95});
}

/// Writer of one format.
class SceneWriter {
 public:
  virtual ~SceneWriter() = default;
  SceneWriter(const StagingFolder& files, const SceneFilesOptions& options)
      : files_(files), options_(options) {}
  SceneWriter(const SceneWriter&) = delete;
  SceneWriter& operator=(const SceneWriter&) = delete;

  /// Thread-safe, in any order.
  virtual void add(const SceneItem& item) = 0;
  /// After all scenes.
  virtual void finish() {}

 protected:
  /// IDs of a split, one per line.
  std::string ids_of(std::size_t split) const {
    std::string text;
    for (const auto& id : ids_.at(split)) text += id + '\n';
    return text;
  }
  void add_id(const SceneItem& item) {
    const std::lock_guard lock(mutex_);
    ids_[item.split].insert(item.id);
  }
  static std::string class_of(const SceneItem& item) {
    return class_names()[static_cast<std::size_t>(item.example["label"].item<std::int64_t>())];
  }
  static const std::vector<std::string>& class_names() {
    static const auto kNames = Scenes().class_names();
    return kNames;
  }

  const StagingFolder& files_;
  const SceneFilesOptions& options_;
  std::mutex mutex_;

 private:
  std::array<std::set<std::string>, kSceneSplits.size()> ids_;
};

class FolderWriter : public SceneWriter {
 public:
  using SceneWriter::SceneWriter;
  void add(const SceneItem& item) override {
    files_.write(fs::path(kSceneSplitNames.at(item.split)) / class_of(item) / (item.id + ".jpg"),
                 jpeg_of(to_image(item.example["image"])));
  }
};

class VocWriter : public SceneWriter {
 public:
  using SceneWriter::SceneWriter;
  void add(const SceneItem& item) override {
    const auto picture = voc_picture(item.id);
    VocAnnotation annotation{.file = picture.filename().string(),
                             .width = options_.scene.width,
                             .height = options_.scene.height,
                             .objects = {}};
    const auto boxes = item.example["boxes"].contiguous(),
               labels = item.example["labels"].contiguous();
    for (std::int64_t i = 0; i < labels.numel(); ++i) {
      const auto label = static_cast<std::size_t>(labels.data_ptr<std::int64_t>()[i]);
      const float* const box = boxes.data_ptr<float>() + 4 * i;
      annotation.objects.push_back(
          {.name = class_names()[label], .box_xyxy_px = {box[0], box[1], box[2], box[3]}});
    }
    files_.write(picture, jpeg_of(to_image(item.example["image"])));
    files_.write(voc_annotation(item.id), format_voc(annotation));
    add_id(item);
  }
  void finish() override {
    for (std::size_t k = 0; k < kSceneSplits.size(); ++k)
      files_.write(voc_split(kSceneSplitNames.at(k)), ids_of(k));
  }
};

class CocoWriter : public SceneWriter {
 public:
  using SceneWriter::SceneWriter;
  void add(const SceneItem& item) override {
    const int width = options_.scene.width, height = options_.scene.height;
    Scene scene{
        .image = {.id = item.number, .file = item.id + ".jpg", .width = width, .height = height},
        .objects = {}};
    const auto boxes = item.example["boxes"].contiguous(),
               labels = item.example["labels"].contiguous(),
               masks = item.example["masks"].contiguous();
    const auto area = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    for (std::int64_t i = 0; i < labels.numel(); ++i) {
      const float* const box = boxes.data_ptr<float>() + 4 * i;
      const std::span<const std::uint8_t> mask(
          masks.data_ptr<std::uint8_t>() + static_cast<std::size_t>(i) * area, area);
      scene.objects.push_back(
          {.image = item.number,
           .category = 1 + labels.data_ptr<std::int64_t>()[i],
           .box_xyxy_px = {box[0], box[1], box[2], box[3]},
           .area_px = static_cast<double>(area) -
                      static_cast<double>(std::ranges::count(mask, std::uint8_t{0})),
           .runs = runs_of(mask, width, height)});
    }
    files_.write(fs::path(kSceneSplitNames.at(item.split)) / scene.image.file,
                 jpeg_of(to_image(item.example["image"])));
    const std::lock_guard lock(mutex_);
    scenes_[item.split].push_back(std::move(scene));
  }
  void finish() override {
    for (std::size_t k = 0; k < kSceneSplits.size(); ++k) {
      std::ranges::sort(scenes_[k], {}, [](const Scene& scene) { return scene.image.id; });
      CocoSet set;
      for (std::size_t i = 0; i < class_names().size(); ++i)
        set.categories.push_back(
            {.id = static_cast<std::int64_t>(i) + 1, .name = class_names()[i], .group = "object"});
      for (auto& scene : scenes_[k]) {
        set.images.push_back(std::move(scene.image));
        for (auto& object : scene.objects) {
          object.id = std::ssize(set.annotations) + 1;
          set.annotations.push_back(std::move(object));
        }
      }
      files_.write(coco_annotations(kSceneSplitNames.at(k)), format_coco(set));
    }
  }

 private:
  struct Scene {
    CocoImage image;
    std::vector<CocoAnnotation> objects;
  };
  std::array<std::vector<Scene>, kSceneSplits.size()> scenes_;
};

class MaskWriter : public SceneWriter {
 public:
  using SceneWriter::SceneWriter;
  void add(const SceneItem& item) override {
    const auto palette = voc_palette();
    image::Values values{.width = options_.scene.width, .height = options_.scene.height};
    const auto classes = item.example["mask"].contiguous(),
               masks = item.example["masks"].contiguous();
    const auto* const numbers = classes.data_ptr<std::int64_t>();
    values.values.assign(numbers, numbers + classes.numel());
    files_.write(class_mask(item.id), image::encode_values(values, palette));
    std::ranges::fill(values.values, std::uint16_t{0});
    for (std::int64_t i = 0; i < masks.size(0); ++i) {
      const auto* const mask = masks.data_ptr<std::uint8_t>() + i * classes.numel();
      for (std::size_t at = 0; at < values.values.size(); ++at)
        if (mask[at] != 0) values.values[at] = static_cast<std::uint16_t>(i + 1);
    }
    files_.write(object_mask(item.id), image::encode_values(values, palette));
    files_.write(voc_picture(item.id), jpeg_of(to_image(item.example["image"])));
    add_id(item);
  }
  void finish() override {
    for (std::size_t k = 0; k < kSceneSplits.size(); ++k)
      files_.write(mask_split(kSceneSplitNames.at(k)), ids_of(k));
    std::string labels = "background\n";
    for (const auto& name : class_names()) labels += name + '\n';
    files_.write(kLabelsFile, labels);
  }
};

class ClipWriter : public SceneWriter {
 public:
  using SceneWriter::SceneWriter;
  void add(const SceneItem& item) override {
    const auto motion = static_cast<std::size_t>(item.example["motion"].item<std::int64_t>());
    const fs::path clip =
        fs::path(kSceneSplitNames.at(item.split)) / Scenes::motion_names()[motion] / item.id;
    const auto& frames = item.example["clip"];
    if (options_.format == SceneFormat::kFrames) {
      for (std::int64_t t = 0; t < frames.size(0); ++t) {
        const std::string number = std::to_string(t + 1);
        files_.write(
            clip / (std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number + ".jpg"),
            jpeg_of(to_image(frames[t])));
      }
      return;
    }
    const fs::path path = files_.path() / (clip.string() + ".avi");
    make_folders(path.parent_path());
    image::VideoWriter video(path, options_.scene.width, options_.scene.height, kClipRate);
    for (std::int64_t t = 0; t < frames.size(0); ++t) video.write(to_image(frames[t]));
    video.close();
  }
};

std::unique_ptr<SceneWriter> make_writer(const StagingFolder& files,
                                         const SceneFilesOptions& options) {
  if (options.format == SceneFormat::kVoc) return std::make_unique<VocWriter>(files, options);
  if (options.format == SceneFormat::kCoco) return std::make_unique<CocoWriter>(files, options);
  if (options.format == SceneFormat::kMasks) return std::make_unique<MaskWriter>(files, options);
  if (options.format == SceneFormat::kClips || options.format == SceneFormat::kFrames)
    return std::make_unique<ClipWriter>(files, options);
  return std::make_unique<FolderWriter>(files, options);
}

/// Top-level files and folders of a format.
std::vector<std::string> roots_of(SceneFormat format) {
  if (format == SceneFormat::kVoc) return {"JPEGImages", "Annotations", "ImageSets"};
  if (format == SceneFormat::kMasks)
    return {"JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets", kLabelsFile};
  std::vector<std::string> roots(kSceneSplitNames.begin(), kSceneSplitNames.end());
  if (format == SceneFormat::kCoco) roots.emplace_back("annotations");
  return roots;
}

}  // namespace

void make_scene_files(const fs::path& folder, const SceneFilesOptions& options) {
  const bool is_clip =
      options.format == SceneFormat::kClips || options.format == SceneFormat::kFrames;
  CLEW_CHECK(!is_clip || options.scene.frames >= 2, "a clip must have 2..256 frames, got ",
             options.scene.frames);
  const auto refuse = [&] {
    for (const auto& name : roots_of(options.format)) {
      std::error_code ignored;
      CLEW_CHECK(!fs::exists(fs::symlink_status(folder / name, ignored)), "'", folder.string(),
                 "' already holds ", name);
    }
  };
  refuse();
  const std::array sizes = {options.train, options.validation, options.test};
  std::vector<std::unique_ptr<Scenes>> sets;
  std::int64_t total = 0;
  for (std::size_t k = 0; k < kSceneSplits.size(); ++k) {
    SceneOptions scene = options.scene;
    scene.size = sizes.at(k);
    scene.frames = is_clip ? options.scene.frames : 1;
    scene.key = scene_key(options.key, kSceneSplits.at(k));
    scene.is_fixed = true;
    sets.push_back(std::make_unique<Scenes>(scene));
    total += scene.size;
  }
  const StagingFolder files(folder, refuse);
  const auto writer = make_writer(files, options);
  const auto digits = std::max<std::size_t>(6, std::to_string(total).size());
  std::atomic<std::int64_t> next = 0, done = 0;
  std::atomic<bool> is_stopped = false;
  ThreadPool pool(options.threads);
  pool.run([&](int worker) {
    for (std::int64_t i = next++; i < total && !is_stopped; i = next++) {
      try {
        std::size_t k = 0;
        std::int64_t index = i;
        while (index >= sizes.at(k)) index -= sizes.at(k++);
        const Example example = sets[k]->get(index, {});
        const std::string number = std::to_string(i + 1);
        writer->add({.split = k,
                     .number = i + 1,
                     .id = std::string(digits - number.size(), '0') + number,
                     .example = example});
        ++done;
        if (worker != 0) continue;
        if (options.progress) options.progress(done, total);
        CLEW_CHECK(!options.should_stop || !options.should_stop(), "stopped with ", done, " of ",
                   total, " scenes; nothing is written");
      } catch (...) {
        is_stopped = true;
        throw;
      }
    }
  });
  writer->finish();
  files.deliver();
  if (options.progress) options.progress(total, total);
}

}  // namespace clew::data
