// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/precision.h"

#include <gtest/gtest.h>
#include <stdlib.h>  // mkdtemp, setenv

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::ops {
namespace precision_test {

namespace fs = std::filesystem;

/// A temporary cache folder, and its files.
class Cache {
 public:
  Cache() {
    std::string pattern = (fs::temp_directory_path() / "clew cache XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    const char* const before = std::getenv("XDG_CACHE_HOME");
    before_ = before == nullptr ? "" : before;
    ::setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  }
  ~Cache() {
    before_.empty() ? ::unsetenv("XDG_CACHE_HOME") : ::setenv("XDG_CACHE_HOME", before_.c_str(), 1);
    fs::remove_all(folder_);
  }
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  fs::path only_file() const {
    const fs::directory_iterator files(folder_ / "clew");
    return files->path();
  }

 private:
  fs::path folder_;
  std::string before_;
};

TEST(Precision, Choices) {
  EXPECT_EQ(names_of<PrecisionChoice>(), (std::vector<std::string>{"auto", "fp32", "bf16"}));
  EXPECT_EQ(names_of<Precision>(), (std::vector<std::string>{"fp32", "bf16"}));
  for (const auto products : {Products::kKernels, Products::kLibTorch}) {
    using enum PrecisionChoice;
    EXPECT_EQ(chosen_precision(kFp32, products), Precision::kFp32);
    EXPECT_EQ(chosen_precision(kBf16, products), Precision::kBf16);
    EXPECT_EQ(resolve_precision(kFp32, products), kFp32);
    EXPECT_EQ(resolve_precision(kBf16, products), has_bf16(products) ? kBf16 : kFp32);
    EXPECT_EQ(chosen_precision(kAuto, products), faster(precision_rates(products)));
  }
}

TEST(Precision, TheFasterOneAndFp32WhereTheyAreAlike) {
  EXPECT_EQ(faster({.fp32 = 167, .bf16 = 84}), Precision::kFp32);
  EXPECT_EQ(faster({.fp32 = 100, .bf16 = 104}), Precision::kFp32);
  EXPECT_EQ(faster({.fp32 = 100, .bf16 = 180}), Precision::kBf16);
  EXPECT_EQ(faster({.fp32 = 100, .bf16 = 0}), Precision::kFp32);
}

TEST(Precision, MeasuresBothWhereTheCpuHasThem) {
  for (const auto products : {Products::kKernels, Products::kLibTorch}) {
    const auto rates = measure_precisions(products);
    EXPECT_GT(rates.fp32, 0);
    EXPECT_EQ(rates.bf16 > 0, has_bf16(products));
  }
}

TEST(Precision, IsMeasuredOnceForAMachineAndAVersion) {
  const Cache cache;
  const auto rates = precision_rates(Products::kKernels);
  const auto file = cache.only_file();
  EXPECT_TRUE(file.filename().string().starts_with("precision-kernels-")) << file;
  EXPECT_TRUE(read_file(file, 1000).starts_with("fp32 "));
  EXPECT_EQ(precision_rates(Products::kKernels).fp32, rates.fp32);  // in this process

  // In another process, which finds the file: a second cache folder stands for it.
  const auto name = file.filename();
  const auto with_file = [&](const std::string& text) {
    const Cache other;
    const fs::path folder = fs::path(std::getenv("XDG_CACHE_HOME")) / "clew";
    make_folders(folder);
    write_file_atomic(folder / name, text);
    return precision_rates(Products::kKernels);
  };
  const auto found = with_file("fp32 1.5 bf16 99\n");
  EXPECT_EQ(found.fp32, 1.5);
  EXPECT_EQ(found.bf16, 99);
  // Incomplete files are measured again.
  for (const char* text : {"", "fp32 1.5", "fp32 1.5 bf16 x", "bf16 1.5 fp32 99", "fp32 -1 bf16 9",
                           "fp32 1.5 bf16 99 100"}) {
    const auto again = with_file(text);
    EXPECT_NE(again.fp32, 1.5) << text;
    EXPECT_EQ(again.bf16 > 0, has_bf16(Products::kKernels)) << text;
  }
}

TEST(Precision, WithoutACacheFolderItIsMeasuredOnceAProcess) {
  const Cache cache;
  ::setenv("XDG_CACHE_HOME", "/proc/no such folder", 1);
  const auto rates = precision_rates(Products::kLibTorch);
  EXPECT_GT(rates.fp32, 0);
  EXPECT_EQ(precision_rates(Products::kLibTorch).fp32, rates.fp32);
}

}  // namespace precision_test
}  // namespace clew::ops
