// SPDX-License-Identifier: Apache-2.0
#include "clew/data/scenes.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>
#include <vector>

#include "clew/core/error.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace scenes_test {

TEST(Scenes, ExamplesFitTheirColumns) {
  for (const int frames : {1, 3}) {
    for (const bool has_all : {true, false}) {
      const Scenes set({.size = 24,
                        .width = 64,
                        .height = 48,
                        .frames = frames,
                        .has_objects = has_all,
                        .has_mask = has_all});
      std::vector<Example> examples;
      for (std::int64_t i = 0; i < 24; ++i) examples.push_back(set.get(i, {}));
      const auto batch = collate(examples, set.columns());
      const auto& pixels = batch[frames > 1 ? "clip" : "image"];
      EXPECT_EQ(pixels.min().item<float>() >= 0 && pixels.max().item<float>() <= 1, true);
      for (std::int64_t i = 0; i < 24; ++i)
        EXPECT_EQ(batch["label"][i].item<std::int64_t>(), i % 12);
    }
  }
  EXPECT_EQ(std::ssize(Scenes().class_names()), kSceneClasses);
  EXPECT_EQ(std::ssize(Scenes::motion_names()), kSceneMotions);
}

TEST(Scenes, EverythingKnownAgrees) {
  const Scenes set({.size = 60, .least_objects = 3, .most_objects = 6});
  std::set<std::int64_t> classes;
  std::int64_t objects = 0;
  for (std::int64_t i = 0; i < 60; ++i) {
    const auto example = set.get(i, {});
    const auto &boxes = example["boxes"], &labels = example["labels"], &masks = example["masks"],
               &mask = example["mask"];
    ASSERT_GE(labels.size(0), 1);
    EXPECT_EQ(labels[0].item<std::int64_t>(), example["label"].item<std::int64_t>());
    auto seen = torch::zeros_like(mask);
    for (std::int64_t k = 0; k < labels.size(0); ++k) {
      const auto own = masks[k].to(torch::kBool);
      classes.insert(labels[k].item<std::int64_t>());
      // No pixel has two owners, the classes are those of the objects, boxes are tight.
      EXPECT_EQ((own & seen.to(torch::kBool)).sum().item<std::int64_t>(), 0);
      EXPECT_TRUE(
          mask.masked_select(own).eq(labels[k].item<std::int64_t>() + 1).all().item<bool>());
      seen += own.to(torch::kInt64);
      const auto places = own.nonzero();
      ASSERT_GT(places.size(0), 0);
      const auto low = std::get<0>(places.min(0)), high = std::get<0>(places.max(0)) + 1;
      const auto wanted = torch::stack({low[1], low[0], high[1], high[0]}).to(torch::kFloat32);
      EXPECT_TRUE(boxes[k].equal(wanted)) << boxes[k] << wanted;
      ++objects;
    }
    EXPECT_TRUE(seen.ne(0).equal(mask.ne(0)));
  }
  EXPECT_EQ(std::ssize(classes), kSceneClasses);
  EXPECT_GT(objects, 150);  // few of 270 are hidden
}

TEST(Scenes, AreFixedOrComeFromTheKey) {
  const Scenes fixed({.key = {1}}), other({.key = {2}}), fresh({.is_fixed = false});
  EXPECT_TRUE(fixed.get(3, {5})["image"].equal(fixed.get(3, {6})["image"]));
  EXPECT_FALSE(fixed.get(3, {})["image"].equal(other.get(3, {})["image"]));
  EXPECT_FALSE(fixed.get(3, {})["image"].equal(fixed.get(15, {})["image"]));
  EXPECT_TRUE(fresh.get(3, {5})["image"].equal(fresh.get(3, {5})["image"]));
  EXPECT_FALSE(fresh.get(3, {5})["image"].equal(fresh.get(3, {6})["image"]));
}

TEST(Scenes, FlowTakesEachPixelToItsPlaceInTheNextFrame) {
  const Scenes set({.size = 24, .width = 96, .height = 96, .most_objects = 3, .frames = 4});
  double error = 0, still = 0;
  for (std::int64_t i = 0; i < 24; ++i) {
    const auto example = set.get(i, {});
    const auto &clip = example["clip"], &flow = example["flow"];
    // The next frame, read where the flow points, is this one, but for edges and what was hidden.
    const auto steps = torch::arange(96).to(torch::kFloat32) + 0.5;
    const auto grid = torch::stack({(steps.unsqueeze(0) + flow[0][0]) / 48 - 1,
                                    (steps.unsqueeze(1) + flow[0][1]) / 48 - 1},
                                   -1)
                          .unsqueeze(0);
    const auto warped = torch::grid_sampler_2d(clip[1].unsqueeze(0), grid, 0, 1, false)[0];
    error += (warped - clip[0]).abs().median().item<double>();
    still += (clip[1] - clip[0]).abs().mean().item<double>();
    EXPECT_LT((warped - clip[0]).abs().mean().item<double>(),
              (clip[1] - clip[0]).abs().mean().item<double>() + 0.01)
        << i;
  }
  EXPECT_LT(error / 24, 0.01);
  EXPECT_GT(still / 24, 0.02);
}

TEST(Scenes, TheObjectInFrontMovesAsItsMotionSays) {
  const Scenes set({.size = 96, .width = 96, .height = 96, .most_objects = 1, .frames = 5});
  std::set<std::int64_t> motions;
  for (std::int64_t i = 0; i < 96; ++i) {
    const auto example = set.get(i, {});
    const auto own = example["masks"][0].to(torch::kBool);
    const auto x = example["flow"][0][0].masked_select(own),
               y = example["flow"][0][1].masked_select(own);
    const double mean_x = x.mean().item<double>(), mean_y = y.mean().item<double>();
    const auto motion = example["motion"].item<std::int64_t>();
    motions.insert(motion);
    const std::vector<bool> is_right = {mean_x<-1, mean_x> 1, mean_y<-1, mean_y> 1};
    EXPECT_TRUE(motion < 4 ? is_right[static_cast<std::size_t>(motion)]
                           : (x.std() + y.std()).item<double>() > 0.1)
        << i << ": " << motion;
  }
  EXPECT_EQ(std::ssize(motions), kSceneMotions);
}

TEST(Scenes, AnySizeAndOneSentencePerError) {
  for (const auto& [width, height] : {std::pair{16, 16}, {300, 40}, {40, 300}})
    EXPECT_EQ(Scenes({.width = width, .height = height}).get(1, {})["image"].sizes(),
              (torch::IntArrayRef{3, height, width}));
  expect_error([] { Scenes({.size = 0}); }, "a set of scenes needs at least one, got 0");
  expect_error([] { Scenes({.width = 15}); }, "a scene's sides must be in 16..4096, got 15x128");
  expect_error([] { Scenes({.least_objects = 3, .most_objects = 2}); },
               "a scene must have 1..64 objects, got 3..2");
  expect_error([] { Scenes({.smallest = 0.01F}); },
               "a scene's objects must be of 0.05..2 of the shorter side, got 0.01..0.6");
  expect_error([] { Scenes({.frames = 0}); }, "a scene must have 1..256 frames, got 0");
}

}  // namespace scenes_test
}  // namespace clew::data
