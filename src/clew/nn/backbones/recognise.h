// SPDX-License-Identifier: Apache-2.0
// Backbone of a weights file, by names and shapes of its tensors alone.
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
  std::string prefix;  // of the names: "", "state_dict."

  std::string text() const;  // "resnet18 of 1000 classes behind 'state_dict.'"
};

/// Order-independent hash of names and shapes, without `last_layer` and batch norms' counters.
[[nodiscard]] std::uint64_t layout_hash(std::span<const TensorInfo> tensors,
                                        const std::string& last_layer);

/// Backbone with the same tensors, for any number of classes. Additional tensors are allowed where
/// the backbone's have a prefix. Builds no network.
[[nodiscard]] std::optional<BackboneFit> fitting_backbone(std::span<const TensorInfo> tensors);

}  // namespace clew::nn
