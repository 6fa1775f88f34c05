// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mnist.h"

#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"
#include "clew/data/idx.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace mnist_test {

namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

struct MnistFiles : testing::Test {
  fs::path folder = fs::temp_directory_path() / (std::to_string(::getpid()) + "clew_mnist_files");
  MnistFiles() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~MnistFiles() override { fs::remove_all(folder); }

  void images(std::vector<std::int64_t> shape, const char* name = "t10k-images-idx3-ubyte") {
    std::size_t count = 1;
    for (const auto side : shape) count *= static_cast<std::size_t>(side);
    write_idx(folder / name, {.type = IdxType::kU8, .shape = shape, .data = Bytes(count)});
  }
  void labels(Bytes data, const char* name = "t10k-labels-idx1-ubyte") {
    const auto count = static_cast<std::int64_t>(data.size());
    write_idx(folder / name, {.type = IdxType::kU8, .shape = {count}, .data = std::move(data)});
  }
  template <class Set = Mnist>
  std::string error() {
    try {
      (void)Set(folder, Split::kTest);
    } catch (const Error& error) {
      const std::string text = error.what(), path = folder.string();
      const auto at = text.find(path);
      return at == std::string::npos ? text : text.substr(0, at) + text.substr(at + path.size());
    }
    return "no error";
  }
};

TEST_F(MnistFiles, WrittenDigitsComeBack) {
  const DrawnDigits digits({.size = 25, .key = {1}});
  write_mnist(folder, Split::kTrain, digits, false);
  EXPECT_FALSE(has_mnist(folder));
  write_mnist(folder, Split::kTest, digits, true);
  EXPECT_TRUE(has_mnist(folder));
  for (const Split part : {Split::kTrain, Split::kTest}) {
    const Mnist back(folder, part);
    ASSERT_EQ(back.size(), 25);
    for (std::int64_t i = 0; i < 25; ++i) {
      EXPECT_TRUE(back.get(i, {})["image"].equal(digits.get(i, {})["image"])) << i;
      EXPECT_EQ(back.label(i), i % 10);
    }
    EXPECT_EQ(back.pixels().size(), 25U * 784);
    EXPECT_EQ(Mnist(folder, part, 7).size(), 7);
    EXPECT_EQ(Mnist(folder, part, 7).pixels().size(), 7U * 784);
    EXPECT_EQ(Mnist(folder, part, 99).size(), 25);
  }
}

// Seven pictures of whole 255ths with classes beyond a digit's.
struct Pictures : Dataset {
  explicit Pictures(std::vector<std::int64_t> sides) : shape(std::move(sides)) {}
  std::int64_t size() const override { return 7; }
  Example get(std::int64_t index, const Key&) const override {
    const auto count = torch::empty(shape).numel();
    return {{"image",
             ((torch::arange(count) * 37 + index) % 256).view(shape).to(torch::kFloat32) / 255},
            {"label", torch::tensor(index * 40, torch::kInt64)}};
  }
  Columns columns() const override { return image_and_label(shape); }
  std::vector<std::int64_t> shape;
};

TEST_F(MnistFiles, PicturesOfAnySizeComeBack) {
  for (const bool is_gzip : {false, true}) {
    for (const auto& shape : {std::vector<std::int64_t>{1, 42, 31}, {2, 5, 4}, {3, 1, 1}}) {
      fs::remove_all(folder);
      const Pictures pictures(shape);
      write_mnist(folder, Split::kTest, pictures, is_gzip);
      const IdxPictures back(folder, Split::kTest);
      ASSERT_EQ(back.size(), 7);
      for (std::int64_t i = 0; i < 7; ++i) {
        EXPECT_TRUE(back.get(i, {})["image"].equal(pictures.get(i, {})["image"])) << shape << i;
        EXPECT_TRUE(back.get(i, {})["label"].equal(pictures.get(i, {})["label"])) << shape << i;
      }
      EXPECT_THROW((void)back.get(7, {}), Error);
    }
  }
}

TEST_F(MnistFiles, OneSentencePerError) {
  EXPECT_EQ(error(),
            "'' must hold t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz, got neither; `clew "
            "data get mnist --data " +
                folder.string() + "` brings it");
  labels({1, 2, 10});
  EXPECT_EQ(error(), "/t10k-labels-idx1-ubyte: labels must be in 0..9, got 10 at place 2");
  labels({1, 2, 3});
  images({3, 28});
  EXPECT_EQ(error(), "/t10k-images-idx3-ubyte: must be bytes with 3 sides, got type 8 with 2");
  images({3, 27, 28});
  EXPECT_EQ(error(), "/t10k-images-idx3-ubyte: digits must be 28x28, got 27x28");
  images({2, 28, 28});
  EXPECT_EQ(error(),
            ": t10k-images-idx3-ubyte holds 2 digits, t10k-labels-idx1-ubyte holds 3 labels");
  EXPECT_EQ(error<IdxPictures>(),
            ": t10k-images-idx3-ubyte holds 2 digits, t10k-labels-idx1-ubyte holds 3 labels");
  images({3, 28});
  EXPECT_EQ(error<IdxPictures>(),
            "/t10k-images-idx3-ubyte: must be bytes with 3 or 4 sides, got type 8 with 2");
  images({3, 0, 5});
  EXPECT_EQ(error<IdxPictures>(),
            "/t10k-images-idx3-ubyte: pictures must have sides of at least 1, got [1, 0, 5]");
  labels({});
  EXPECT_EQ(error(), "/t10k-labels-idx1-ubyte: must hold at least one digit");
  EXPECT_THROW((void)Mnist(folder, Split::kTest, -1), Error);
}

TEST_F(MnistFiles, ImagesWithoutLabelsAreNotUnpacked) {
  labels({1, 2, 3});
  // The header of 2,000,000 digits: unpacking them would end in another sentence.
  write_file_atomic(folder / "t10k-images-idx3-ubyte",
                    std::string_view("\0\0\x08\x03\0\x1e\x84\x80\0\0\0\x1c\0\0\0\x1c", 16));
  const std::string wanted =
      ": t10k-images-idx3-ubyte holds 2000000 digits, t10k-labels-idx1-ubyte holds 3 labels";
  EXPECT_EQ(error(), wanted);
  EXPECT_EQ(error<IdxPictures>(), wanted);
}

TEST_F(MnistFiles, AreFoundByTheNamesOfOtherTools) {
  const auto dotted = [](std::string name) { return name.replace(name.find("-idx"), 1, "."); };
  for (const char* place : {"", "raw", "MNIST/raw"}) {
    for (const bool is_gzip : {false, true}) {
      fs::remove_all(folder);
      const DrawnDigits digits({.size = 3, .key = {1}});
      write_mnist(folder / place, Split::kTrain, digits, is_gzip);
      write_mnist(folder / place, Split::kTest, digits, is_gzip);
      std::vector<fs::path> files;
      for (const auto& entry : fs::directory_iterator(folder / place))
        if (entry.is_regular_file()) files.push_back(entry.path());
      ASSERT_EQ(files.size(), 4U);
      EXPECT_TRUE(has_whole_mnist(folder)) << place;
      for (const auto& file : files)
        fs::rename(file, file.parent_path() / dotted(file.filename().string()));
      EXPECT_TRUE(has_whole_mnist(folder)) << place;
      EXPECT_EQ(Mnist(folder, Split::kTrain).size(), 3) << place;
    }
  }
}

TEST_F(MnistFiles, SomeOfTheFourAreAnError) {
  EXPECT_FALSE(has_whole_mnist(folder));
  labels({1});
  images({1, 28, 28});
  EXPECT_EQ(error_of([this] { (void)has_whole_mnist(folder); }),
            "'" + folder.string() +
                "' holds some files of MNIST's form and lacks train-images-idx3-ubyte and "
                "train-labels-idx1-ubyte");
  labels({1}, "train-labels-idx1-ubyte.gz");
  images({1, 28, 28}, "train-images-idx3-ubyte");
  EXPECT_TRUE(has_whole_mnist(folder));
}

TEST(Mnist, IsTheRealOne) {
  const char* data = std::getenv("CLEW_DATA");
  const fs::path folder = fs::path(data ? data : CLEW_DATA_DEFAULT) / "mnist";
  if (!has_mnist(folder)) GTEST_SKIP() << "no MNIST in " << folder << "; set CLEW_DATA";
  const Mnist train(folder, Split::kTrain), test(folder, Split::kTest);
  EXPECT_EQ(train.size(), 60'000);
  EXPECT_EQ(test.size(), 10'000);
  // Known of the set: 5421 fives and 6742 ones to learn from, 892 and 1135 to test with.
  EXPECT_EQ(std::count(train.labels().begin(), train.labels().end(), 5), 5421);
  EXPECT_EQ(std::count(train.labels().begin(), train.labels().end(), 1), 6742);
  EXPECT_EQ(std::count(test.labels().begin(), test.labels().end(), 5), 892);
  EXPECT_EQ(std::count(test.labels().begin(), test.labels().end(), 1), 1135);
}

}  // namespace mnist_test
}  // namespace clew::data
