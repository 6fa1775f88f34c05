// SPDX-License-Identifier: Apache-2.0
#include "clew/nn/backbones/recognise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "clew/nn/backbones/backbone.h"

namespace clew::nn {
namespace recognise_test {

TEST(Recognise, EveryBackboneByItsTensors) {
  for (const auto& name : backbone_names()) {
    const Backbone network(name, BackboneOptions{.classes = 3});
    auto tensors = weights_info(state_of(*network)).tensors;
    std::reverse(tensors.begin(), tensors.end());
    const auto fit = fitting_backbone(tensors);
    if (!fit) {
      ADD_FAILURE() << name << " has the last layer " << network->last_layer()
                    << " and the layout 0x" << std::hex
                    << layout_hash(tensors, network->last_layer());
      continue;
    }
    EXPECT_EQ(fit->text(), name + " of 3 classes");
    for (auto& one : tensors) one.name.insert(0, "model.net.");
    tensors.push_back({"optimizer.step", "I64", {}});
    EXPECT_EQ(fitting_backbone(tensors)->text(), name + " of 3 classes behind 'model.net.'");
  }
}

TEST(Recognise, WhatDiffersFitsNone) {
  const Backbone network("mobilenet_v3_small", BackboneOptions{.classes = 3});
  const auto tensors = weights_info(state_of(*network)).tensors;
  ASSERT_TRUE(fitting_backbone(tensors));
  auto less = tensors;
  less.erase(less.begin());
  EXPECT_FALSE(fitting_backbone(less));
  auto wider = tensors;
  wider[0].shape[0] += 1;
  EXPECT_FALSE(fitting_backbone(wider));
  auto more = tensors;
  more.push_back({"extra", "F32", {1}});
  EXPECT_FALSE(fitting_backbone(more));
  EXPECT_FALSE(fitting_backbone({}));
}

}  // namespace recognise_test
}  // namespace clew::nn
