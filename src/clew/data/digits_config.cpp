// SPDX-License-Identifier: Apache-2.0
#include "clew/data/digits_config.h"

#include <algorithm>
#include <filesystem>

#include "clew/core/error.h"
#include "clew/data/distorted_digits.h"
#include "clew/data/mnist.h"
#include "clew/data/splits.h"

namespace clew::data {
namespace {

constexpr std::uint64_t kKeyHeldOut = 3;

/// Owning view of a shared set, for a unique_ptr.
class PlainDigits : public Digits {
 public:
  explicit PlainDigits(std::shared_ptr<const Digits> digits) : digits_(std::move(digits)) {}
  std::int64_t size() const override { return digits_->size(); }
  void draw(std::int64_t index, const Key& key, DigitPixels pixels) const override {
    digits_->draw(index, key, pixels);
  }
  int label(std::int64_t index) const override { return digits_->label(index); }

 private:
  std::shared_ptr<const Digits> digits_;
};

/// Subset of digits.
class SomeDigits : public Digits {
 public:
  SomeDigits(std::shared_ptr<const Digits> digits, std::vector<std::int64_t> indices)
      : digits_(std::move(digits)), indices_(std::move(indices)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(indices_.size()); }
  void draw(std::int64_t index, const Key& key, DigitPixels pixels) const override {
    digits_->draw(at(index), key, pixels);
  }
  int label(std::int64_t index) const override { return digits_->label(at(index)); }

 private:
  std::int64_t at(std::int64_t index) const {
    check_index(*this, index);
    return indices_[static_cast<std::size_t>(index)];
  }
  std::shared_ptr<const Digits> digits_;
  std::vector<std::int64_t> indices_;
};

}  // namespace

DigitsSource digits_source(const DigitsConfig& config) {
  if (config.source != DigitsSource::kAuto) return config.source;
  if (config.dir.empty()) return DigitsSource::kProcedural;
  std::error_code ignored;
  CLEW_CHECK(has_whole_mnist(config.dir), "'", config.dir,
             "' must be a folder with MNIST's files, ",
             !std::filesystem::exists(config.dir, ignored)         ? "there is no such folder"
             : !std::filesystem::is_directory(config.dir, ignored) ? "it is no folder"
                                                                   : "it has none of them",
             "; `clew data get mnist --data ", config.dir,
             "` brings them, and where no folder is given digits are drawn");
  return DigitsSource::kMnist;
}

std::vector<std::string> resolve_digits(DigitsConfig& config) {
  const bool is_left_to_us = config.source == DigitsSource::kAuto;
  config.source = digits_source(config);
  if (!config.dir.empty()) config.dir = std::filesystem::absolute(config.dir).string();
  if (!is_left_to_us || config.source == DigitsSource::kMnist) return {};
  return {"data.dir names no folder with MNIST: learning from digits drawn from strokes"};
}

std::shared_ptr<const Digits> make_plain_digits(const DigitsConfig& config, Split part, Key key) {
  const bool is_test = part == Split::kTest;
  const bool is_mnist = digits_source(config) == DigitsSource::kMnist;
  if (is_mnist) CLEW_CHECK(!config.dir.empty(), "data.dir must name the folder of MNIST");
  std::shared_ptr<const Digits> all;
  if (is_mnist) {
    all = std::make_shared<const Mnist>(config.dir, is_test ? Split::kTest : Split::kTrain,
                                        is_test ? config.test_limit : 0);
  } else {
    all = std::make_shared<const DrawnDigits>(DrawnDigitsOptions{
        .size = is_test ? 10'000 : 60'000, .key = fold_in(key, is_test ? 1 : 0), .is_fixed = true});
  }
  auto parts =
      hold_out(all->size(), is_test ? 0 : config.validation_share, fold_in(key, kKeyHeldOut));
  auto& chosen = part == Split::kValidation ? parts.validation : parts.train;
  const auto limit =
      static_cast<std::size_t>(part == Split::kTrain ? config.train_limit : config.test_limit);
  if (limit > 0 && limit < chosen.size()) chosen.resize(limit);
  if (static_cast<std::int64_t>(chosen.size()) == all->size()) return all;
  return std::make_shared<const SomeDigits>(std::move(all), std::move(chosen));
}

std::unique_ptr<Dataset> make_kind(DigitsKind kind, std::shared_ptr<const Digits> digits,
                                   Split part, Key key) {
  const DrawOptions options = {.key = fold_in(key, 2), .is_fixed = part != Split::kTrain};
  if (kind == DigitsKind::kPlain) return std::make_unique<PlainDigits>(std::move(digits));
  if (kind == DigitsKind::kAddition)
    return std::make_unique<AddedDigits>(std::move(digits), distortion_of(kind), options);
  return std::make_unique<DistortedDigits>(std::move(digits), distortion_of(kind), options);
}

std::unique_ptr<Dataset> make_digits(const DigitsConfig& config, Split part, Key key) {
  return make_kind(config.kind, make_plain_digits(config, part, key), part, key);
}

}  // namespace clew::data
