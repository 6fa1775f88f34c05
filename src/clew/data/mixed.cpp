// SPDX-License-Identifier: Apache-2.0
#include "clew/data/mixed.h"

#include <torch/types.h>

#include <cmath>
#include <utility>

#include "clew/core/error.h"
#include "clew/core/files.h"

namespace clew::data {
namespace {

/// Beta(alpha, alpha) by Jöhnk 1964; for alpha up to 1.
double draw_beta(Stream& stream, double alpha) {
  while (true) {
    const double x = std::pow(stream.uniform_double(), 1 / alpha),
                 y = std::pow(stream.uniform_double(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

}  // namespace

MixedSet::MixedSet(std::shared_ptr<const Dataset> set, double alpha)
    : set_(std::move(set)), alpha_(alpha) {
  CLEW_CHECK(alpha > 0 && alpha <= 1, "alpha of mixed examples must be in (0,1], got ", alpha);
  const auto all = set_->columns();
  CLEW_CHECK(all.size() == 2 && all[0].name == "image" && all[1].name == "label",
             "examples to be mixed must have the columns image and label alone");
  for (const auto side : all[0].shape)
    CLEW_CHECK(side > 0, "images to be mixed must have one size; a view brings them to it");
}

Columns MixedSet::columns() const {
  auto all = set_->columns();
  all.push_back({.name = "other_label",
                 .shape = {},
                 .type = torch::kInt64,
                 .meaning = "the class of the example mixed in"});
  all.push_back({.name = "share",
                 .shape = {},
                 .type = torch::kFloat32,
                 .meaning = "of the image that is the first example's, in [0,1]"});
  return all;
}

Example MixedSet::get(std::int64_t index, const Key& key) const {
  Stream stream(fold_in(key, 0));
  const auto other = static_cast<std::int64_t>(stream.bits() % static_cast<std::uint64_t>(size()));
  const double share = draw_beta(stream, alpha_);
  Example example = set_->get(index, fold_in(key, 1));
  const Example second = set_->get(other, fold_in(key, 2));
  example.set("image", example["image"] * share + second["image"] * (1 - share));
  example.set("other_label", second["label"]);
  example.set("share", torch::tensor(static_cast<float>(share)));
  return example;
}

std::uint64_t MixedSet::content_hash() const {
  return hash_text(concat("mixed ", alpha_), set_->content_hash());
}

}  // namespace clew::data
