// SPDX-License-Identifier: Apache-2.0
#include "clew/data/catalogue.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>

#include "clew/core/error.h"
#include "clew/data/mnist.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace catalogue_test {

namespace fs = std::filesystem;

struct Catalogue : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_catalogue");
  Catalogue() { fs::remove_all(folder); }
  ~Catalogue() override { fs::remove_all(folder); }
};

TEST_F(Catalogue, EveryKnownSetOpens) {
  make_files("digits", folder, {.train = 30, .test = 20});
  std::set<std::string> names;
  for (const auto& info : known_sets()) {
    EXPECT_FALSE(info.what.empty() || info.licence.empty() || info.origin.empty() ||
                 info.get.empty() || info.size.empty());
    EXPECT_TRUE(names.insert(info.name).second);
    const auto set = open_set(info.name, {.mnist = folder, .split = Split::kTest, .digit = 7});
    const bool is_located = info.name == "t84" || info.name == "tc84";
    const std::int64_t size = info.name == "scenes" ? 2000 : is_located ? 2 : 20;
    EXPECT_EQ(set->size(), size) << info.name;
    EXPECT_EQ(set->get(0, {}).has("box"), is_located) << info.name;
  }
  EXPECT_EQ(open_set(folder.string())->size(), 30);
  EXPECT_EQ(open_set("digits")->size(), 60'000);
}

TEST_F(Catalogue, MadeDigitsAreThoseOfAProceduralRun) {
  make_files("digits", folder, {.train = 30, .test = 20, .key = {4}});
  const Mnist files(folder, Split::kTest);
  const auto drawn = open_set("digits", {.split = Split::kTest, .key = {4}});
  for (std::int64_t i = 0; i < 20; ++i)
    EXPECT_TRUE(files.get(i, {})["image"].equal(drawn->get(i, {})["image"])) << i;
}

TEST_F(Catalogue, MadeOfMnistsDigits) {
  const fs::path mnist = folder / "mnist", made = folder / "made", copy = folder / "copy";
  make_files("digits", mnist, {.train = 12, .test = 8, .key = {7}});
  std::int64_t last = 0;
  make_files("rts", made,
             {.train = 10,
              .key = {4},
              .mnist = mnist,
              .progress = [&](std::int64_t done, std::int64_t total) {
                EXPECT_EQ(done, ++last);
                EXPECT_EQ(total, 18);
              }});
  EXPECT_EQ(last, 18);
  // The test split is that of a run on MNIST with the same seed.
  const IdxPictures files(made, Split::kTest);
  const auto set = open_set("rts", {.mnist = mnist, .split = Split::kTest, .key = {4}});
  ASSERT_EQ(files.size(), 8);
  for (std::int64_t i = 0; i < 8; ++i) {
    EXPECT_TRUE(files.get(i, {})["image"].allclose(set->get(i, {})["image"], 0, 1 / 255.)) << i;
    EXPECT_TRUE(files.get(i, {})["label"].equal(set->get(i, {})["label"])) << i;
  }
  make_files("digits", copy, {.train = 10, .mnist = mnist});
  EXPECT_EQ(Mnist(copy, Split::kTrain).size(), 10);
  EXPECT_TRUE(Mnist(copy, Split::kTrain)
                  .get(9, {})["image"]
                  .equal(Mnist(mnist, Split::kTrain).get(9, {})["image"]));
}

TEST_F(Catalogue, FilesComeAllOrNone) {
  // As after a kill -9 in the middle.
  fs::create_directories(folder / ".making");
  std::ofstream(folder / ".making" / "train-images-idx3-ubyte") << "half";
  std::ofstream(folder / ".making" / "train-labels-idx1-ubyte.gz.part") << "half";
  const auto names = [this] {
    std::set<std::string> found;
    for (const auto& item : fs::directory_iterator(folder))
      found.insert(item.path().filename().string());
    return found;
  };
  // Staged while examples are drawn, locked against others, removed on failure.
  EXPECT_THROW(
      make_files("digits", folder,
                 {.train = 3,
                  .test = 2,
                  .progress =
                      [&](std::int64_t done, std::int64_t) {
                        EXPECT_EQ(names(), std::set<std::string>{".making"});
                        EXPECT_EQ(
                            error_of<Error>([this] { make_files("digits", folder, {.train = 1}); }),
                            "another process is making a data set in '" + folder.string() + "'");
                        if (done == 4) throw std::runtime_error("as a full disk");
                      }}),
      std::runtime_error);
  EXPECT_TRUE(names().empty());
  make_files("digits", folder, {.train = 3, .test = 2});
  EXPECT_EQ(names(), (std::set<std::string>{"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                            "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}));
}

TEST_F(Catalogue, NothingIsLeftWhenItStopsOrAFileIsInTheWay) {
  const auto make = [this](MakeOptions options) {
    options.train = 3, options.test = 2;
    return error_of<Error>([&] { make_files("digits", folder, options); });
  };
  int asked = 0;
  EXPECT_EQ(make({.should_stop = [&] { return ++asked == 4; }}),
            "stopped with 4 of 5 examples; nothing is written");
  EXPECT_FALSE(fs::exists(folder));
  const fs::path late = folder / "t10k-labels-idx1-ubyte";
  const std::string wanted = "'" + folder.string() + "' already holds t10k-labels-idx1-ubyte";
  EXPECT_EQ(make({.progress =
                      [&](std::int64_t done, std::int64_t) {
                        if (done == 5) fs::create_directory(late);
                      }}),
            wanted);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
  // Existing files are detected before anything is drawn.
  for (const bool is_link : {false, true}) {
    fs::remove(late);
    is_link ? fs::create_symlink("/nowhere", late) : (void)fs::create_directory(late);
    EXPECT_EQ(make({.progress = [](std::int64_t, std::int64_t) { ADD_FAILURE(); }}), wanted);
  }
}

TEST_F(Catalogue, WhatDoesNotFitAFileIsRefusedBeforeItIsDrawn) {
  EXPECT_EQ(error_of<Error>([this] {
              make_files(
                  "addition", folder,
                  {.train = 10, .test = 1'000'000, .progress = [](auto, auto) { ADD_FAILURE(); }});
            }),
            "a file holds at most 608697 such examples of 3528 bytes, got 1000000");
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Catalogue, OneSentencePerError) {
  EXPECT_EQ(error_of<UsageError>([] { (void)open_set("adition"); }),
            "no data set or folder 'adition'; `clew data list` names the sets; did you mean "
            "'addition'?");
  EXPECT_EQ(error_of<UsageError>([] { (void)open_set("mnist"); }),
            "mnist needs the folder of its four files");
  EXPECT_EQ(
      error_of<UsageError>([this] { make_files("t84", folder); }),
      "only digits, r, rts, p, e, tc, addition can be files as MNIST's, and scenes files of other "
      "forms, got 't84'");
  EXPECT_FALSE(fs::exists(folder));
  make_files("rts", folder, {.train = 1, .test = 1, .is_gzip = true});
  fs::remove(folder / "t10k-labels-idx1-ubyte.gz");
  EXPECT_EQ(error_of<Error>([this] { (void)open_set(folder.string()); }),
            "'" + folder.string() +
                "' holds some files of MNIST's form and lacks t10k-labels-idx1-ubyte");
  try {
    make_files("digits", folder);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "'" + folder.string() + "' already holds train-images-idx3-ubyte.gz");
  }
}

}  // namespace catalogue_test
}  // namespace clew::data
