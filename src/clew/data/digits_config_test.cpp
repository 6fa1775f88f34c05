// SPDX-License-Identifier: Apache-2.0
#include "clew/data/digits_config.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <set>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/mnist.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace digits_config_test {

namespace fs = std::filesystem;

TEST(DigitsConfig, EveryKindMakesItsSet) {
  DigitsConfig config{.source = DigitsSource::kProcedural, .train_limit = 20, .test_limit = 10};
  for (const auto& [value, kind] : names(DigitsKind{})) {
    config.kind = value;
    const auto train = make_digits(config, Split::kTrain, {1}),
               validation = make_digits(config, Split::kValidation, {1}),
               test = make_digits(config, Split::kTest, {1});
    EXPECT_EQ(train->size(), 20) << kind;
    EXPECT_EQ(validation->size(), 10) << kind;
    EXPECT_EQ(test->size(), 10) << kind;
    EXPECT_TRUE(validation->get(1, {1})["image"].equal(validation->get(1, {2})["image"])) << kind;
    EXPECT_FALSE(validation->get(1, {})["image"].equal(test->get(1, {})["image"])) << kind;
    EXPECT_EQ(train->class_names().size(), value == DigitsKind::kAddition ? 19U : 10U) << kind;
    // The test split is the same in every epoch, the train split is not where it is distorted.
    EXPECT_TRUE(test->get(1, {1})["image"].equal(test->get(1, {2})["image"])) << kind;
    EXPECT_EQ(train->get(1, {1})["image"].equal(train->get(1, {2})["image"]),
              value == DigitsKind::kPlain)
        << kind;
    EXPECT_FALSE(train->get(1, {1})["image"].equal(test->get(1, {1})["image"])) << kind;
    EXPECT_FALSE(make_digits(config, Split::kTest, {2})
                     ->get(1, {})["image"]
                     .equal(test->get(1, {})["image"]));
  }
}

TEST(DigitsConfig, AutoTakesMnistWhereItIs) {
  const fs::path folder =
      fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_digits_config");
  fs::remove_all(folder);
  DigitsConfig config;
  EXPECT_EQ(digits_source(config), DigitsSource::kProcedural);
  EXPECT_EQ(make_plain_digits(config, Split::kTrain, {})->size(), 57'000);
  EXPECT_EQ(make_plain_digits(config, Split::kValidation, {})->size(), 3'000);
  EXPECT_EQ(make_plain_digits(config, Split::kTest, {})->size(), 10'000);
  config.dir = folder.string();
  const auto refusal = [&](const char* why) {
    return concat("'", config.dir, "' must be a folder with MNIST's files, ", why,
                  "; `clew data get mnist --data ", config.dir,
                  "` brings them, and where no folder is given digits are drawn");
  };
  EXPECT_EQ(error_of([&] { (void)digits_source(config); }), refusal("there is no such folder"));
  fs::create_directories(folder);
  EXPECT_EQ(error_of([&] { (void)make_digits(config, Split::kTest, {}); }),
            refusal("it has none of them"));
  config.dir = (folder / "file").string();
  write_file_atomic(config.dir, std::string_view("text"));
  EXPECT_EQ(error_of([&] { (void)digits_source(config); }), refusal("it is no folder"));
  config.dir = folder.string();
  const DrawnDigits digits({.size = 12, .key = {9}});
  write_mnist(folder, Split::kTrain, digits, true);
  EXPECT_EQ(error_of([&] { (void)make_digits(config, Split::kTrain, {}); }),
            "'" + folder.string() +
                "' holds some files of MNIST's form and lacks t10k-images-idx3-ubyte and "
                "t10k-labels-idx1-ubyte");
  write_mnist(folder, Split::kTest, digits, false);
  EXPECT_EQ(digits_source(config), DigitsSource::kMnist);
  EXPECT_EQ(make_digits(config, Split::kTrain, {})->size(), 11);
  EXPECT_EQ(make_digits(config, Split::kValidation, {})->size(), 1);
  config.train_limit = 5;
  EXPECT_EQ(make_digits(config, Split::kTrain, {})->size(), 5);
  config.source = DigitsSource::kProcedural;
  EXPECT_EQ(digits_source(config), DigitsSource::kProcedural);
  fs::remove_all(folder);
}

TEST(DigitsConfig, NoDigitIsForTrainingAndForValidation) {
  const DigitsConfig config{.source = DigitsSource::kProcedural, .validation_share = 0.25};
  const auto train = make_plain_digits(config, Split::kTrain, {1}),
             validation = make_plain_digits(config, Split::kValidation, {1});
  EXPECT_EQ(train->size(), 45'000);
  EXPECT_EQ(validation->size(), 15'000);
  std::set<std::string> seen;
  std::array<std::uint8_t, kDigitPixels> pixels;
  for (std::int64_t i = 0; i < 2000; ++i) {
    train->draw(i, {}, pixels);
    seen.emplace(pixels.begin(), pixels.end());
  }
  const auto before = seen.size();
  for (std::int64_t i = 0; i < 500; ++i) {
    validation->draw(i, {}, pixels);
    seen.emplace(pixels.begin(), pixels.end());
  }
  EXPECT_EQ(seen.size(), before + 500);
}

TEST(DigitsConfig, MnistThatIsNotThereIsAnError) {
  DigitsConfig config{.source = DigitsSource::kMnist};
  try {
    (void)make_digits(config, Split::kTrain, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "data.dir must name the folder of MNIST");
  }
  config.dir = "/nowhere";
  EXPECT_THROW((void)make_digits(config, Split::kTrain, {}), Error);
}

TEST(DigitsConfig, ComesFromARecipe) {
  DigitsConfig config;
  load(config, parse_toml("kind = 'rts'\ndir = 'x'\n", "recipe"));
  EXPECT_EQ(config.kind, DigitsKind::kRts);
  EXPECT_THROW(load(config, parse_toml("kind = 'upside_down'\n", "recipe")), UsageError);
}

}  // namespace digits_config_test
}  // namespace clew::data
