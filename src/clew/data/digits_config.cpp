// SPDX-License-Identifier: Apache-2.0
#include "clew/data/digits_config.h"

#include <algorithm>
#include <filesystem>

#include "clew/core/error.h"
#include "clew/data/distorted_digits.h"
#include "clew/data/mnist.h"

namespace clew::data {
namespace {

/// Digits of a shared set, so that a plain set can be handed out as the owner of one.
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

}  // namespace

std::string digits_source(const DigitsConfig& config) {
  if (config.source != "auto") return config.source;
  if (config.dir.empty()) return "procedural";
  std::error_code ignored;
  CLEW_CHECK(has_whole_mnist(config.dir), "'", config.dir,
             "' must be a folder with MNIST's files, ",
             !std::filesystem::exists(config.dir, ignored)         ? "there is no such folder"
             : !std::filesystem::is_directory(config.dir, ignored) ? "it is no folder"
                                                                   : "it has none of them",
             "; `clew data get mnist --data ", config.dir,
             "` brings them, and where no folder is given digits are drawn");
  return "mnist";
}

std::shared_ptr<const Digits> make_plain_digits(const DigitsConfig& config, Split part, Key key) {
  const bool is_train = part == Split::kTrain;
  const std::int64_t limit = is_train ? config.train_limit : config.test_limit;
  if (digits_source(config) == "mnist") {
    CLEW_CHECK(!config.dir.empty(), "data.dir must name the folder of MNIST");
    return std::make_shared<const Mnist>(config.dir, part, limit);
  }
  const std::int64_t all = is_train ? 60'000 : 10'000;
  return std::make_shared<const DrawnDigits>(
      DrawnDigitsOptions{.size = limit > 0 ? std::min(limit, all) : all,
                         .key = split(key, is_train ? 0 : 1),
                         .is_fixed = true});
}

std::unique_ptr<Dataset> make_kind(const std::string& kind, std::shared_ptr<const Digits> digits,
                                   Split part, Key key) {
  const DrawOptions options = {.key = split(key, 2), .is_fixed = part == Split::kTest};
  if (kind == "plain") return std::make_unique<PlainDigits>(std::move(digits));
  if (kind == "addition")
    return std::make_unique<AddedDigits>(std::move(digits), distortion_of("rts"), options);
  return std::make_unique<DistortedDigits>(std::move(digits), distortion_of(kind), options);
}

std::unique_ptr<Dataset> make_digits(const DigitsConfig& config, Split part, Key key) {
  return make_kind(config.kind, make_plain_digits(config, part, key), part, key);
}

}  // namespace clew::data
