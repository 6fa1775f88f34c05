// SPDX-License-Identifier: Apache-2.0
#include "clew/data/scene_files.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/folders.h"
#include "clew/data/formats/clips.h"
#include "clew/data/formats/coco.h"
#include "clew/data/formats/masks.h"
#include "clew/data/formats/voc.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace scene_files_test {

namespace fs = std::filesystem;

constexpr std::int64_t kTrain = 5, kRest = 2;

struct SceneFiles : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_scene_files");
  SceneFiles() { fs::remove_all(folder); }
  ~SceneFiles() override { fs::remove_all(folder); }

  static SceneFilesOptions options(SceneFormat format) {
    return {.format = format,
            .train = kTrain,
            .validation = kRest,
            .test = kRest,
            .scene = {.width = 48, .height = 32, .frames = 3},
            .key = {7}};
  }
  /// The training scene of this number, from 1.
  static Example scene(std::int64_t number, int frames = 1) {
    return Scenes({.size = kTrain,
                   .width = 48,
                   .height = 32,
                   .frames = frames,
                   .key = scene_key({7}, Split::kTrain)})
        .get(number - 1, {});
  }
  /// All files below the folder, with their bytes.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file())
        all[entry.path().lexically_relative(folder).generic_string()] =
            read_file(entry.path(), 1 << 24);
    }
    return all;
  }
};

/// Mean difference of a picture from an image column: JPEG loses a little.
double difference(const image::Image& picture, const torch::Tensor& image) {
  const auto bytes = torch::tensor(torch::ArrayRef<std::uint8_t>(picture.pixels), torch::kUInt8)
                         .reshape({picture.height, picture.width, 3})
                         .permute({2, 0, 1});
  return (bytes.to(torch::kFloat32) / 255 - image).abs().mean().item<double>();
}

TEST_F(SceneFiles, FoldersByClass) {
  make_scene_files(folder, options(SceneFormat::kFolders));
  EXPECT_EQ(files().size(), 9U);
  const auto names = Scenes().class_names();
  for (int i = 1; i <= kTrain; ++i) {
    const auto example = scene(i);
    const auto path = folder / "train" /
                      names[static_cast<std::size_t>(example["label"].item<std::int64_t>())] /
                      concat("00000", i, ".jpg");
    ASSERT_TRUE(fs::exists(path)) << path;
    EXPECT_LT(difference(image::read(path), example["image"]), .03);
  }
  EXPECT_EQ(ImageFolder(folder, Split::kTrain).size(), kTrain);
  EXPECT_EQ(ImageFolder(folder, Split::kValidation).size(), kRest);
  EXPECT_EQ(ImageFolder(folder, Split::kTest).size(), kRest);
}

TEST_F(SceneFiles, Voc) {
  make_scene_files(folder, options(SceneFormat::kVoc));
  const auto ids = read_voc_ids(folder / voc_split("train"));
  EXPECT_EQ(ids, (std::vector<std::string>{"000001", "000002", "000003", "000004", "000005"}));
  EXPECT_EQ(read_voc_ids(folder / voc_split("val")),
            (std::vector<std::string>{"000006", "000007"}));
  EXPECT_EQ(read_voc_ids(folder / voc_split("test")).size(), 2U);
  const auto names = Scenes().class_names();
  for (std::int64_t i = 1; i <= kTrain; ++i) {
    const auto example = scene(i);
    const auto annotation = read_voc(folder / voc_annotation(ids[static_cast<std::size_t>(i - 1)]));
    EXPECT_EQ(annotation.width, 48);
    EXPECT_LT(difference(image::read(folder / "JPEGImages" / annotation.file), example["image"]),
              .03);
    ASSERT_EQ(std::ssize(annotation.objects), example["labels"].size(0));
    for (std::int64_t o = 0; o < example["labels"].size(0); ++o) {
      const auto& object = annotation.objects[static_cast<std::size_t>(o)];
      EXPECT_EQ(object.name,
                names[static_cast<std::size_t>(example["labels"][o].item<std::int64_t>())]);
      for (std::int64_t e = 0; e < 4; ++e)
        EXPECT_EQ(object.box_xyxy_px[static_cast<std::size_t>(e)],
                  example["boxes"][o][e].item<float>());
    }
  }
}

TEST_F(SceneFiles, Coco) {
  make_scene_files(folder, options(SceneFormat::kCoco));
  const auto set = read_coco(folder / coco_annotations("train"));
  ASSERT_EQ(std::ssize(set.images), kTrain);
  ASSERT_EQ(std::ssize(set.categories), kSceneClasses);
  EXPECT_EQ(set.categories[0].name, "ball");
  std::size_t at = 0;
  for (std::int64_t i = 1; i <= kTrain; ++i) {
    const auto example = scene(i);
    const auto& image = set.images[static_cast<std::size_t>(i - 1)];
    EXPECT_EQ(image.id, i);
    EXPECT_LT(difference(image::read(folder / "train" / image.file), example["image"]), .03);
    for (std::int64_t o = 0; o < example["labels"].size(0); ++o, ++at) {
      ASSERT_LT(at, set.annotations.size());
      const auto& one = set.annotations[at];
      EXPECT_EQ(one.id, static_cast<std::int64_t>(at) + 1);
      EXPECT_EQ(one.image, i);
      EXPECT_EQ(one.category, example["labels"][o].item<std::int64_t>() + 1);
      const auto mask = mask_of(one, 48, 32);
      EXPECT_TRUE(torch::tensor(torch::ArrayRef<std::uint8_t>(mask), torch::kUInt8)
                      .reshape({32, 48})
                      .equal(example["masks"][o]));
      EXPECT_EQ(one.area_px, example["masks"][o].sum().item<double>());
      EXPECT_EQ(one.box_xyxy_px[2], example["boxes"][o][2].item<float>());
    }
  }
  EXPECT_EQ(at, set.annotations.size());
  EXPECT_EQ(std::ssize(read_coco(folder / coco_annotations("test")).images), kRest);
}

TEST_F(SceneFiles, Masks) {
  make_scene_files(folder, options(SceneFormat::kMasks));
  const auto labels = read_labels(folder / kLabelsFile);
  ASSERT_EQ(std::ssize(labels), kSceneClasses + 1);
  EXPECT_EQ(labels[1], "ball");
  for (const auto& id : read_voc_ids(folder / mask_split("train"))) {
    const auto example = scene(std::stoll(id));
    const auto classes = read_class_mask(folder / class_mask(id), std::ssize(labels)),
               objects = image::read_values(folder / object_mask(id));
    for (std::int64_t y = 0; y < 32; ++y)
      for (std::int64_t x = 0; x < 48; ++x) {
        const auto at = static_cast<std::size_t>(y * 48 + x);
        ASSERT_EQ(classes.values[at], example["mask"][y][x].item<std::int64_t>());
        const int object = objects.values[at];
        ASSERT_EQ(object != 0, classes.values[at] != 0);
        if (object == 0) continue;
        ASSERT_EQ(example["masks"][object - 1][y][x].item<int>(), 1);
      }
    EXPECT_LT(difference(image::read(folder / voc_picture(id)), example["image"]), .03);
  }
}

TEST_F(SceneFiles, ClipsAndFrames) {
  for (const SceneFormat format : {SceneFormat::kClips, SceneFormat::kFrames}) {
    fs::remove_all(folder);
    make_scene_files(folder, options(format));
    std::int64_t count = 0;
    for (const auto& one : list_clips(folder / "train")) {
      for (const auto& clip : one.clips) {
        ++count;
        const auto example = scene(std::stoll(clip.path.stem().string()), 3);
        EXPECT_EQ(one.name, Scenes::motion_names()[static_cast<std::size_t>(
                                example["motion"].item<std::int64_t>())]);
        const auto frames = read_clip(clip);
        ASSERT_EQ(frames.size(), 3U);
        for (std::size_t t = 0; t < 3; ++t)
          EXPECT_LT(difference(frames[t], example["clip"][static_cast<std::int64_t>(t)]), .06);
      }
    }
    EXPECT_EQ(count, kTrain);
  }
}

TEST_F(SceneFiles, AreTheSameForAnyNumberOfThreads) {
  for (const auto& [format, name] : names(SceneFormat{})) {
    fs::remove_all(folder);
    auto chosen = options(format);
    make_scene_files(folder, chosen);
    const auto one = files();
    fs::remove_all(folder);
    chosen.threads = 4;
    make_scene_files(folder, chosen);
    EXPECT_EQ(files() == one, true) << name;
  }
}

TEST_F(SceneFiles, ComeAllOrNone) {
  auto chosen = options(SceneFormat::kCoco);
  std::int64_t asked = 0;
  chosen.should_stop = [&] { return ++asked == 4; };
  expect_error([&] { make_scene_files(folder, chosen); },
               "stopped with 4 of 9 scenes; nothing is written");
  EXPECT_FALSE(fs::exists(folder));
  fs::create_directories(folder / "annotations");
  expect_error([&] { make_scene_files(folder, chosen); },
               "'" + folder.string() + "' already holds annotations");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
  fs::remove_all(folder);
  // Leftovers of a killed maker are no part of it.
  fs::create_directories(folder / ".making/train");
  std::ofstream(folder / ".making/train/half.jpg") << "half";
  make_scene_files(folder, options(SceneFormat::kFolders));
  EXPECT_EQ(files().size(), 9U);
  EXPECT_FALSE(fs::exists(folder / ".making"));
}

TEST_F(SceneFiles, OneSentencePerError) {
  auto chosen = options(SceneFormat::kClips);
  chosen.scene.frames = 1;
  expect_error([&] { make_scene_files(folder, chosen); }, "a clip must have 2..256 frames, got 1");
  chosen = options(SceneFormat::kClips);
  chosen.scene.width = 49;
  expect_error([&] { make_scene_files(folder, chosen); },
               "a video's sides must be even and in 2..8192 pixels, got 49x32");
  chosen.scene.width = 8;
  expect_error([&] { make_scene_files(folder, chosen); },
               "a scene's sides must be in 16..4096, got 8x32");
  EXPECT_FALSE(fs::exists(folder));
}

}  // namespace scene_files_test
}  // namespace clew::data
