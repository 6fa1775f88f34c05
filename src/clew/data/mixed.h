// SPDX-License-Identifier: Apache-2.0
// Mixup (Zhang et al. 2018).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "clew/data/dataset.h"

namespace clew::data {

/// Example i mixed with another one that get's key draws: image = share * own + (1 - share) *
/// other, share from Beta(alpha, alpha). Columns: image, label (of i), other_label i64, share f32
/// in [0,1].
class MixedSet : public Dataset {
 public:
  /// alpha in (0,1]; `set` has columns image, of one shape, and label: else clew::Error.
  MixedSet(std::shared_ptr<const Dataset> set, double alpha);

  std::int64_t size() const override { return set_->size(); }
  Example get(std::int64_t index, const Key& key) const override;
  Columns columns() const override;
  std::vector<std::string> class_names() const override { return set_->class_names(); }
  std::string origin(std::int64_t index) const override { return set_->origin(index); }
  std::uint64_t content_hash() const override;

 private:
  std::shared_ptr<const Dataset> set_;
  double alpha_;
};

}  // namespace clew::data
