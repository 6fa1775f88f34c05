// SPDX-License-Identifier: Apache-2.0
#include "clew/data/folders.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <set>
#include <string>
#include <utility>

#include "clew/core/config.h"
#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/core/log.h"
#include "clew/data/folder_config.h"
#include "clew/data/loader.h"
#include "clew/image/files.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace folders_test {

namespace fs = std::filesystem;

struct Folders : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_folders");
  Folders() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Folders() override { fs::remove_all(folder); }

  void picture(const std::string& name, image::Colour colour = {10, 20, 30}, int width = 4,
               int height = 3) const {
    fs::create_directories((folder / name).parent_path());
    const int channels = name.ends_with(".pgm") ? 1 : 3;
    image::write(folder / name, image::blank(width, height, channels, colour));
  }
  std::string error(FolderOptions options = {}, Split part = Split::kTrain) const {
    try {
      (void)ImageFolder(folder, part, options);
    } catch (const Error& error) {
      std::string text = error.what();
      for (auto at = text.find(folder.string()); at != std::string::npos;
           at = text.find(folder.string()))
        text.replace(at, folder.string().size(), "F");
      return text;
    }
    return "no error";
  }
};

TEST_F(Folders, ClassesAreFoldersInOrder) {
  picture("dog/b.png", {255, 0, 51});
  picture("dog/a.PGM.pgm", {7});
  picture("cat/x.jpg");
  picture("birds/owl/1.png");
  fs::create_directories(folder / "birds/owl/.hidden");
  write_file_atomic(folder / "dog/notes.txt", std::string_view("no picture"));
  write_file_atomic(folder / "README", std::string_view("no picture"));
  const auto classes = list_classes(folder);
  ASSERT_EQ(classes.size(), 3U);
  EXPECT_EQ(classes[0].name, "birds/owl");
  EXPECT_EQ(classes[1].name, "cat");
  EXPECT_EQ(classes[2].name, "dog");
  ASSERT_EQ(classes[2].files.size(), 2U);
  EXPECT_EQ(classes[2].files[0].filename(), "a.PGM.pgm");

  const ImageFolder set(folder, Split::kTrain, {.test_share = 1e-9, .validation_share = 0});
  EXPECT_EQ(set.class_names(), (std::vector<std::string>{"birds/owl", "cat", "dog"}));
  ASSERT_EQ(set.size(), 4);
  EXPECT_EQ(set.label(3), 2);
  EXPECT_EQ(set.path(3), folder / "dog/b.png");
  const Example example = set.get(3, {});
  EXPECT_EQ(example["image"].sizes(), (torch::IntArrayRef{3, 3, 4}));
  EXPECT_EQ(example["image"][0].min().item<float>(), 1);
  EXPECT_EQ(example["image"][1].max().item<float>(), 0);
  EXPECT_FLOAT_EQ(example["image"][2][2][3].item<float>(), .2F);
  EXPECT_EQ(example["label"].item<std::int64_t>(), 2);
  EXPECT_EQ(set.picture(3).pixels[2], 51);
  EXPECT_THROW((void)set.get(4, {}), Error);
}

TEST_F(Folders, PicturesAreBroughtToOneSizeAndToGrey) {
  picture("a/1.png", {100, 100, 100}, 8, 8);
  picture("a/2.png", {200, 200, 200}, 5, 9);
  const ImageFolder set(
      folder, Split::kTrain,
      {.width = 6, .height = 4, .channels = 1, .test_share = 1e-9, .validation_share = 0});
  Loader loader(set, {.batch_size = 2, .is_shuffled = false});
  const Batch batch = loader.next();
  EXPECT_EQ(batch["image"].sizes(), (torch::IntArrayRef{2, 1, 4, 6}));
  EXPECT_FLOAT_EQ(batch["image"][1].mean().item<float>(), 200 / 255.F);
  // Pictures of mixed sizes cannot lie in one batch.
  const ImageFolder mixed(folder, Split::kTrain, {.test_share = 1e-9, .validation_share = 0});
  Loader failing(mixed, {.batch_size = 2, .is_shuffled = false});
  try {
    (void)failing.next();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.what(),
              "column 'image' must have one shape in a batch, got [3, 8, 8] and, at place 1, "
              "[3, 9, 5]; resize them (example 1, " +
                  (folder / "a/2.png").string() + ")");
  }
}

TEST_F(Folders, SplitsAreFoldersWhereThereAreSome) {
  picture("train/a/1.png");
  picture("train/b/1.png");
  picture("val/b/2.png");
  const ImageFolder train(folder, Split::kTrain), test(folder, Split::kTest);
  EXPECT_EQ(train.size(), 2);  // as the only ones of their classes
  EXPECT_EQ(test.size(), 1);
  EXPECT_EQ(test.label(0), 1);
  EXPECT_EQ(test.class_names(), train.class_names());
}

/// The paths of a split's pictures.
std::vector<fs::path> paths_of(const fs::path& folder, Split part,
                               const FolderOptions& options = {}) {
  const ImageFolder set(folder, part, options);
  std::vector<fs::path> all;
  for (std::int64_t i = 0; i < set.size(); ++i) all.push_back(set.path(i));
  return all;
}

TEST_F(Folders, OneFolderIsSplitByNames) {
  for (int i = 0; i < 60; ++i) picture("a/" + std::to_string(i) + ".pgm");
  const FolderOptions options = {.test_share = .3, .validation_share = .2};
  const auto train = paths_of(folder, Split::kTrain, options),
             validation = paths_of(folder, Split::kValidation, options),
             test = paths_of(folder, Split::kTest, options);
  EXPECT_EQ(train.size() + validation.size() + test.size(), 60U);
  std::set<fs::path> all(train.begin(), train.end());
  all.insert(validation.begin(), validation.end());
  all.insert(test.begin(), test.end());
  EXPECT_EQ(all.size(), 60U);
  EXPECT_NEAR(static_cast<double>(test.size()), 18, 11);  // three standard deviations
  EXPECT_NEAR(static_cast<double>(validation.size()), 12, 10);
  // One more picture moves none of the others.
  picture("a/new.pgm");
  for (const auto& [part, before] :
       {std::pair(Split::kTest, &test), {Split::kValidation, &validation}}) {
    auto later = paths_of(folder, part, options);
    std::erase(later, folder / "a/new.pgm");
    EXPECT_EQ(later, *before);
  }
}

TEST_F(Folders, ThreeFoldersAreThreeSplits) {
  for (const char* name : {"train/a/1.png", "val/a/2.png", "test/a/3.png"}) picture(name);
  EXPECT_EQ(split_folders(folder).size(), 3U);
  EXPECT_EQ(paths_of(folder, Split::kTrain), std::vector{folder / "train/a/1.png"});
  EXPECT_EQ(paths_of(folder, Split::kValidation), std::vector{folder / "val/a/2.png"});
  EXPECT_EQ(paths_of(folder, Split::kTest), std::vector{folder / "test/a/3.png"});
  fs::remove_all(folder / "train");
  EXPECT_TRUE(split_folders(folder).empty());
  EXPECT_EQ(list_classes(folder)[0].name, "test/a");
}

TEST_F(Folders, BesideTrainAloneAnySplitIsTheTestSetAndValidationAShareOfTrain) {
  for (const char* other : {"val", "test"}) {
    fs::remove_all(folder);
    for (int i = 0; i < 60; ++i) picture(concat("train/a/", i, ".pgm"));
    picture(concat(other, "/a/x.png"));
    const FolderOptions options = {.validation_share = .3};
    const auto train = paths_of(folder, Split::kTrain, options),
               validation = paths_of(folder, Split::kValidation, options);
    EXPECT_EQ(train.size() + validation.size(), 60U);
    EXPECT_NEAR(static_cast<double>(validation.size()), 18, 11);
    for (const auto& path : validation) EXPECT_EQ(std::ranges::count(train, path), 0);
    EXPECT_EQ(paths_of(folder, Split::kTest, options), std::vector{folder / other / "a/x.png"});
  }
}

TEST_F(Folders, FoldersOfOptionsComeBeforeThoseInTheFolder) {
  const auto names_of = [this](Split part, const FolderOptions& options) {
    std::set<std::string> names;
    for (const auto& path : paths_of(folder / "set", part, options))
      names.insert(path.lexically_relative(folder).string());
    return names;
  };
  using Names = std::set<std::string>;
  for (const char* name : {"set/train/a/1.png", "set/val/a/2.png", "v/a/3.png", "t/a/4.png"})
    picture(name);
  const FolderOptions test = {.test = folder / "t"}, validation = {.validation = folder / "v"},
                      both = {.validation = folder / "v", .test = folder / "t"};
  // With a test set of its own, val is no test set.
  EXPECT_EQ(names_of(Split::kTest, test), Names{"t/a/4.png"});
  EXPECT_EQ(names_of(Split::kValidation, test), Names{"set/val/a/2.png"});
  EXPECT_EQ(names_of(Split::kTest, validation), Names{"set/val/a/2.png"});
  EXPECT_EQ(names_of(Split::kValidation, validation), Names{"v/a/3.png"});
  for (const FolderOptions& options : {test, validation, both})
    EXPECT_EQ(names_of(Split::kTrain, options), Names{"set/train/a/1.png"});
  EXPECT_EQ(names_of(Split::kTest, both), Names{"t/a/4.png"});
  EXPECT_EQ(names_of(Split::kValidation, both), Names{"v/a/3.png"});
  // Beside train alone the test set may lie elsewhere, but there must be one.
  fs::remove_all(folder / "set/val");
  EXPECT_EQ(names_of(Split::kTest, test), Names{"t/a/4.png"});
  EXPECT_THROW((void)names_of(Split::kTest, validation), Error);
  // Without folders for splits the rest is shared.
  fs::remove_all(folder / "set");
  for (int i = 0; i < 40; ++i) picture(concat("set/a/", i, ".pgm"));
  EXPECT_EQ(names_of(Split::kTrain, both).size(), 40U);
  const auto train = names_of(Split::kTrain, test), held = names_of(Split::kValidation, test);
  EXPECT_EQ(train.size() + held.size(), 40U);
  EXPECT_GE(held.size(), 1U);
  EXPECT_EQ(names_of(Split::kTrain, validation).size() + names_of(Split::kTest, validation).size(),
            40U);
}

TEST_F(Folders, SplitsThatOverlapAreRefused) {
  picture("train/a/1.png");
  picture("train/a/2.png");
  picture("test/a/3.png");
  const auto own = [this](const char* name) { return folder / name; };
  EXPECT_EQ(error({.validation = own("train")}),
            "a picture must be in one split, got 'F/train/a/1.png' in validation and in train");
  EXPECT_EQ(error({.validation = own("test")}, Split::kTest),
            "a picture must be in one split, got 'F/test/a/3.png' in test and in validation");
  // Behind links.
  fs::create_directory_symlink(folder / "train", folder / "other");
  EXPECT_EQ(error({.validation = own("other")}),
            "a picture must be in one split, got 'F/other/a/1.png' in validation, which is "
            "'F/train/a/1.png' in train");
  fs::create_symlink(folder / "train/a/2.png", folder / "test/a/4.png");
  EXPECT_EQ(error({.validation_share = 1e-9}),
            "a picture must be in one split, got 'F/test/a/4.png' in test, which is "
            "'F/train/a/2.png' in train");
  fs::remove(folder / "test/a/4.png");
  EXPECT_EQ(error(), "no error");
  EXPECT_EQ(error({.test = own("none")}),
            "'F/none' must be a folder of pictures: No such file or directory");
}

TEST_F(Folders, ComeFromARecipe) {
  FolderConfig config;
  expect_error<UsageError>([&] { (void)make_image_folder(config, Split::kTrain); },
                           "data.dir must name a folder of pictures");
  for (int i = 0; i < 20; ++i) picture(concat("set/a/", i, ".pgm"));
  picture("v/a/x.png");
  load(config, parse_toml(concat("dir = '", (folder / "set").string(), "'\nvalidation = '",
                                 (folder / "v").string(), "'\ntest_share = 0.5\n"),
                          "r.toml"));
  const auto train = make_image_folder(config, Split::kTrain, {.channels = 1});
  const auto validation = make_image_folder(config, Split::kValidation);
  const auto test = make_image_folder(config, Split::kTest);
  EXPECT_EQ(train->columns()[0].shape[0], 1);
  EXPECT_EQ(validation->size(), 1);
  EXPECT_EQ(train->size() + test->size(), 20);
  EXPECT_GT(test->size(), 3);
  const auto before = fs::current_path();
  fs::current_path(folder);
  config = {.dir = "set", .test = "v"};
  make_paths_absolute(fields_of(config));
  fs::current_path(before);
  EXPECT_EQ(config.dir, (fs::canonical(folder) / "set").string());
  EXPECT_EQ(config.validation, "");
  EXPECT_EQ(config.test, (fs::canonical(folder) / "v").string());
  EXPECT_THROW(load(config, parse_toml("test_share = 1\n", "r.toml")), UsageError);
}

TEST_F(Folders, SplitsHaveTheNamesThatPeopleGiveThem) {
  for (const auto& [train, test] : {std::pair("train", "valid"),
                                    {"Training", "Testing"},
                                    {"TRAIN", "Validation"},
                                    {"training", "Val"}}) {
    fs::remove_all(folder);
    picture(concat(train, "/a/1.png"));
    picture(concat(test, "/a/2.png"));
    EXPECT_EQ(split_folders(folder), (std::vector<fs::path>{folder / train, folder / test}));
    EXPECT_EQ(ImageFolder(folder, Split::kTrain).path(0), folder / train / "a/1.png");
    EXPECT_EQ(ImageFolder(folder, Split::kTest).path(0), folder / test / "a/2.png");
  }
  picture("Train/a/1.png");
  EXPECT_EQ(error(), "'F' has two folders for one split, Train and training");
}

TEST_F(Folders, WhatIsPassedOverIsNamed) {
  for (const char* name :
       {"train/a/1.png", "valid/a/2.png", "test/a/3.png", "more/a/4.png", ".git/a/5.png"})
    picture(name);
  std::vector<std::string> lines;
  set_log_sink([&](LogLevel, const std::string& line) { lines.push_back(line); });
  (void)ImageFolder(folder, Split::kTrain);
  (void)ImageFolder(folder, Split::kTest);
  set_log_sink({});
  const auto in_folder = [this](const char* name) { return "'" + (folder / name).string() + "'"; };
  EXPECT_EQ(lines,
            (std::vector<std::string>{in_folder("more") + " is passed over: it is no split"}));
  write_file_atomic(folder / "train/a/notes.txt", std::string_view("no picture"));
  write_file_atomic(folder / "train/a/1.gif", std::string_view("no picture we read"));
  std::vector<fs::path> ignored;
  EXPECT_EQ(list_classes(folder / "train", &ignored)[0].files.size(), 1U);
  EXPECT_EQ(ignored.size(), 2U);
}

TEST_F(Folders, WhatOtherProgramsLeaveIsNoClass) {
  picture("a/1.png");
  for (const char* name : {"@eaDir/a@SynoEAStream.jpg", "a/@eaDir/1.png", "__MACOSX/a/1.png",
                           ".AppleDouble/1.png", "lost+found/1.png"})
    picture(name);
  const auto classes = list_classes(folder);
  ASSERT_EQ(classes.size(), 1U);
  EXPECT_EQ(classes[0].name, "a");
  EXPECT_EQ(classes[0].files.size(), 1U);
}

TEST_F(Folders, EveryClassHasAnExampleToLearnFrom) {
  for (int i = 0; i < 30; ++i) {
    picture(concat("c", i, "/a.pgm"));
    picture(concat("c", i, "/b.pgm"));
  }
  for (const double share : {.2, .9999}) {
    const ImageFolder train(folder, Split::kTrain, {.test_share = share, .validation_share = 0});
    std::vector<int> counts(30);
    for (std::int64_t i = 0; i < train.size(); ++i)
      ++counts[static_cast<std::size_t>(train.label(i))];
    for (const int count : counts) EXPECT_GE(count, 1);
    const ImageFolder test(folder, Split::kTest, {.test_share = share, .validation_share = 0});
    EXPECT_EQ(train.size() + test.size(), 60);
  }
  EXPECT_EQ(
      ImageFolder(folder, Split::kTrain, {.test_share = .9, .validation_share = .0999}).path(0),
      folder / "c0/a.pgm");
}

TEST_F(Folders, ALinkThatLeadsNowhereIsAFile) {
  picture("a/1.png");
  fs::create_symlink("/nowhere/2.png", folder / "a/2.png");
  EXPECT_EQ(list_classes(folder)[0].files.size(), 2U);
}

TEST_F(Folders, LinksAreFollowedButNotInCircles) {
  picture("elsewhere/deep/1.png");
  fs::create_directories(folder / "set");
  fs::create_directory_symlink(folder / "elsewhere/deep", folder / "set/linked");
  ASSERT_EQ(list_classes(folder / "set").size(), 1U);
  EXPECT_EQ(list_classes(folder / "set")[0].name, "linked");
  EXPECT_EQ(list_classes(folder / "set")[0].files.size(), 1U);
  fs::create_directory_symlink(folder / "set", folder / "set/circle");
  try {
    (void)list_classes(folder / "set");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("lies more than 16 folders deep; does a link lead"),
              std::string::npos);
  }
}

TEST_F(Folders, OneSentencePerError) {
  EXPECT_EQ(error(), "'F' must hold pictures in FOLDER/CLASS/");
  picture("a/1.png");
  fs::create_directories(folder / "empty");
  EXPECT_EQ(error(), "class 'empty' of 'F' has no pictures");
  fs::remove(folder / "empty");
  picture("loose.png");
  EXPECT_EQ(error(), "'F/loose.png' belongs to no class: pictures must lie in FOLDER/CLASS/");
  fs::remove(folder / "loose.png");
  EXPECT_EQ(error({.width = 5}),
            "pictures can be brought to 1..65535 pixels both ways, or 0 and 0 for as they are, got "
            "5x0");
  EXPECT_EQ(error({.channels = 2}), "pictures can have 1 or 3 channels, got 2");
  EXPECT_EQ(error({.fit = image::Fit::kInside}),
            "pictures of a set have one size: stretch, crop or letterbox them");
  EXPECT_EQ(error({.test_share = 1}),
            "the shares of pictures to test with and for validation must be above 0 and below 1 "
            "together, got 1 and 0.1");
  picture("train/a/1.png");
  EXPECT_EQ(error(), "'F' has a folder train and must have val or test beside it");
  picture("test/b/1.png");
  EXPECT_EQ(error({}, Split::kTest), "class 'b' of 'F/test' is not in 'F/train'");
  write_file_atomic(folder / "train/a/1.png", std::string_view("no picture"));
  try {
    (void)ImageFolder(folder, Split::kTrain).get(0, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("train/a/1.png: must be a PNG, JPEG, PGM, PPM, BMP, TIFF or WebP file"),
              std::string::npos);
  }
  EXPECT_THROW((void)list_classes(folder / "none"), Error);
}

}  // namespace folders_test
}  // namespace clew::data
