// SPDX-License-Identifier: Apache-2.0
// Backbone of a file of weights, by the names and shapes of its tensors alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "clew/nn/weights.h"

namespace clew::nn {

struct BackboneFit {
  std::string backbone;  // of backbone_names()
  std::int64_t classes = 0;
  std::string prefix;  // before the names: "", "state_dict."

  std::string text() const;  // "resnet18 of 1000 classes behind 'state_dict.'"
};

/// Hash of names and shapes in any order, without those of `last_layer` and counters of batches.
[[nodiscard]] std::uint64_t layout_hash(std::span<const TensorInfo> tensors,
                                        const std::string& last_layer);

/// The backbone that has the same tensors, with any number of classes; others may stand beside them where
/// they have a prefix. Builds no network.
[[nodiscard]] std::optional<BackboneFit> fitting_backbone(std::span<const TensorInfo> tensors);

}  // namespace clew::nn
