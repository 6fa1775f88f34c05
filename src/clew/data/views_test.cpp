// SPDX-License-Identifier: Apache-2.0
#include "clew/data/views.h"

#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/data/resample.h"
#include "tests/support/expect_error.h"

namespace clew::data {
namespace views_test {

using torch::Tensor;

Columns all_columns() {
  const auto f32 = torch::kFloat32;
  return {
      {.name = "image", .shape = {3, -1, -1}, .type = f32, .meaning = ""},
      {.name = "clip", .shape = {2, 3, -1, -1}, .type = f32, .meaning = ""},
      {.name = "mask", .shape = {-1, -1}, .type = torch::kInt64, .meaning = ""},
      {.name = "flow", .shape = {2, -1, -1}, .type = f32, .meaning = ""},
      {.name = "boxes", .shape = {-1, 4}, .type = f32, .meaning = "", .is_listed = true},
      {.name = "labels", .shape = {-1}, .type = torch::kInt64, .meaning = "", .is_listed = true},
      {.name = "masks",
       .shape = {-1, -1, -1},
       .type = torch::kUInt8,
       .meaning = "",
       .is_listed = true},
      {.name = "label", .shape = {}, .type = torch::kInt64, .meaning = ""}};
}

/// Rectangles of classes 1, 2, ... at whole pixels; a clip of the image twice; a flow of (3,-2).
Example scene(std::int64_t height, std::int64_t width,
              const std::vector<std::vector<float>>& boxes) {
  const auto count = static_cast<std::int64_t>(boxes.size());
  auto image = torch::rand({3, height, width});
  auto edges = torch::zeros({count, 4}),
       masks = torch::zeros({count, height, width}, torch::kUInt8);
  auto mask = torch::zeros({height, width}, torch::kInt64);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto& box = boxes[static_cast<std::size_t>(i)];
    edges[i] = torch::tensor(torch::ArrayRef<float>(box));
    const auto part = [&](const Tensor& all) {
      return all.slice(-2, static_cast<std::int64_t>(box[1]), static_cast<std::int64_t>(box[3]))
          .slice(-1, static_cast<std::int64_t>(box[0]), static_cast<std::int64_t>(box[2]));
    };
    part(masks[i]).fill_(1);
    part(mask).fill_(i + 1);
  }
  auto flow = torch::empty({2, height, width});
  flow[0].fill_(3);
  flow[1].fill_(-2);
  return {{"image", image}, {"clip", torch::stack({image, image})},
          {"mask", mask},   {"flow", flow},
          {"boxes", edges}, {"labels", torch::arange(1, count + 1)},
          {"masks", masks}, {"label", torch::tensor(std::int64_t{5})}};
}
Example scene() { return scene(40, 60, {{4, 6, 24, 30}, {30, 2, 58, 20}, {10, 20, 50, 38}}); }

const std::vector<std::string> kGeometric = {
    "resize=30x20",          "resize=90x100", "resize_short=28",
    "resize_short=64:80",    "crop=32x32",    "crop=70x50",
    "random_crop=24x32:0.3", "flip",          "scale_shift=0.5:2:0.2",
    "scale_shift=1:1:0.3",   "pad=32"};

TEST(Views, TextComesBack) {
  for (const std::string text : {"resize=3x4", "resize_short=256", "resize_short=800:1333",
                                 "crop=224x200", "random_crop=224x224:0.08", "flip",
                                 "scale_shift=0.5:2:0.1", "colour=0.4:0.3:0.2:0.1", "pad=32"})
    EXPECT_EQ(parse_view(text)->text(), text);
  EXPECT_EQ(parse_view("random_crop=8x8")->text(), "random_crop=8x8:0.08");
  EXPECT_EQ(parse_view("colour=0.4")->text(), "colour=0.4:0:0:0");
}

TEST(Resample, EqualsLibTorchsWithAntialiasing) {
  torch::manual_seed(1);
  const auto planes = torch::rand({3, 37, 53});
  for (const auto& [width, height] :
       {std::pair<std::int64_t, std::int64_t>{53, 37}, {20, 11}, {64, 128}, {30, 90}, {1, 1}}) {
    const auto mine = resample(planes, {0, 0, 53, 37, width, height}, 0);
    const auto theirs = at::_upsample_bilinear2d_aa(planes.unsqueeze(0), {height, width}, false)[0];
    EXPECT_TRUE(torch::allclose(mine, theirs, 1e-5, 1e-5)) << width << "x" << height;
  }
  EXPECT_TRUE(torch::equal(resample(planes, {0, 0, 53, 37, 53, 37}, 0), planes));
}

TEST(Resample, FillsWhatLiesOutside) {
  const auto planes = torch::ones({1, 2, 2});
  const auto moved = resample(planes, {-1, 0, 4, 2, 4, 2}, 0.5F);
  EXPECT_TRUE(moved[0][1].equal(torch::tensor({0.5F, 1.F, 1.F, 0.5F})));
  const auto mask = resample_nearest(torch::ones({2, 2}, torch::kInt64), {0, -1, 2, 3, 2, 3}, 255);
  EXPECT_TRUE(mask.equal(torch::tensor({255, 255, 1, 1, 1, 1}, torch::kInt64).view({3, 2})));
}

TEST(Views, AFlipOfAFlipIsTheIdentity) {
  torch::manual_seed(2);
  const auto flip = parse_view("flip");
  const auto before = scene();
  int flipped = 0;
  for (std::uint64_t k = 0; k < 20; ++k) {
    const auto once = flip->apply(before, all_columns(), {k});
    flipped += once["image"].equal(before["image"]) ? 0 : 1;
    const auto twice = flip->apply(once, all_columns(), {k});
    for (const auto& [name, tensor] : before.columns())
      EXPECT_TRUE(twice[name].equal(tensor)) << name;
    if (!once["image"].equal(before["image"])) {
      EXPECT_TRUE(once["image"].equal(before["image"].flip(-1)));
      EXPECT_TRUE(once["mask"].equal(before["mask"].flip(-1)));
      EXPECT_EQ(once["flow"][0][0][0].item<float>(), -3);
      EXPECT_EQ(once["flow"][1][0][0].item<float>(), -2);
      EXPECT_TRUE(once["boxes"][0].equal(torch::tensor({36.F, 6.F, 56.F, 30.F})));
    }
  }
  EXPECT_GT(flipped, 4);
  EXPECT_LT(flipped, 16);
}

/// The edges of the pixels that are 1, xyxy.
std::vector<double> edges_of(const Tensor& mask) {
  const auto places = mask.nonzero();
  const auto low = std::get<0>(places.min(0)), high = std::get<0>(places.max(0));
  return {low[1].item<double>(), low[0].item<double>(), high[1].item<double>() + 1,
          high[0].item<double>() + 1};
}

TEST(Views, BoxesAndMasksAgreeAfterEveryView) {
  torch::manual_seed(3);
  for (const std::string& text : kGeometric) {
    const auto view = parse_view(text);
    int objects = 0;
    for (std::uint64_t k = 0; k < 30; ++k) {
      const auto after = view->apply(scene(), all_columns(), {k});
      const auto& boxes = after["boxes"];
      ASSERT_EQ(after["labels"].size(0), boxes.size(0)) << text;
      ASSERT_EQ(after["masks"].size(0), boxes.size(0)) << text;
      for (std::int64_t i = 0; i < boxes.size(0); ++i) {
        const auto& mask = after["masks"][i];
        const auto whole = boxes[i].to(torch::kFloat64);
        if ((whole[2] - whole[0]).item<double>() < 2 || (whole[3] - whole[1]).item<double>() < 2)
          continue;  // may have no pixel's centre
        const auto edges = edges_of(mask);
        // A pixel belongs to the mask by its centre.
        for (std::int64_t e = 0; e < 4; ++e)
          EXPECT_NEAR(edges[static_cast<std::size_t>(e)], whole[e].item<double>(), 0.5 + 1e-4)
              << text << " key " << k;
        ++objects;
      }
      // The semantic mask and the instance masks agree.
      for (std::int64_t i = 0; i < boxes.size(0); ++i) {
        const auto label = after["labels"][i].item<std::int64_t>();
        EXPECT_EQ(((after["mask"] == label) & (after["masks"][i] == 0)).sum().item<std::int64_t>(),
                  0)
            << text;
      }
    }
    EXPECT_GT(objects, 30) << text;
  }
}

TEST(Views, SizesAreThoseThatTheColumnsSay) {
  Columns columns = all_columns();
  for (Column& column : columns) {
    if (column.shape.size() >= 2 && column.name != "boxes") {
      column.shape[column.shape.size() - 2] = 40;
      column.shape[column.shape.size() - 1] = 60;
    }
  }
  for (const std::string& text : kGeometric) {
    const auto view = parse_view(text);
    const auto after = view->apply(scene(), columns, {7});
    (void)collate({after}, view->columns(columns));  // checks every shape
    EXPECT_TRUE(after["clip"][0].equal(after["image"])) << text;
    EXPECT_TRUE(after["clip"][1].equal(after["image"])) << text;
    EXPECT_EQ(after["label"].item<std::int64_t>(), 5);
  }
  EXPECT_EQ(parse_view("resize_short=20")->columns(columns)[0].shape,
            (std::vector<std::int64_t>{3, 20, 30}));
  EXPECT_EQ(parse_view("resize_short=20:25")->columns(columns)[0].shape,
            (std::vector<std::int64_t>{3, 16, 25}));
  EXPECT_EQ(parse_view("pad=32")->columns(columns)[0].shape,
            (std::vector<std::int64_t>{3, 64, 64}));
  EXPECT_EQ(parse_view("resize_short=20")->columns(all_columns())[0].shape,
            (std::vector<std::int64_t>{3, -1, -1}));
}

TEST(Views, FlowIsScaledWithThePicture) {
  const auto after = parse_view("resize=30x80")->apply(scene(), all_columns(), {1});
  EXPECT_NEAR(after["flow"][0].mean().item<float>(), 1.5, 1e-5);
  EXPECT_NEAR(after["flow"][1].mean().item<float>(), -4, 1e-5);
  const auto turned =
      parse_view("resize=30x80")
          ->apply(
              {{"flow", torch::stack({scene()["flow"], scene()["flow"]})}},
              {{.name = "flow", .shape = {2, 2, -1, -1}, .type = torch::kFloat32, .meaning = ""}},
              {1});
  EXPECT_NEAR(turned["flow"].select(1, 1).mean().item<float>(), -4, 1e-5);
}

TEST(Views, ObjectsThatLeaveThePictureLeaveEveryListedColumn) {
  // The middle 20x20 of 60x40: the second box shares (30,10)-(40,20), the first a strip that is too small.
  const auto before =
      scene(40, 60, {{0, 0, 20.5F, 20}, {30, 2, 58, 20}, {0, 0, 10, 10}, {25, 15, 25, 18}});
  const auto after = parse_view("crop=20x20")->apply(before, all_columns(), {});
  EXPECT_TRUE(after["labels"].equal(torch::tensor({2}, torch::kInt64)));
  EXPECT_TRUE(after["boxes"].equal(torch::tensor({10.F, 0.F, 20.F, 10.F}).view({1, 4})));
  EXPECT_EQ(after["masks"].sizes(), (torch::IntArrayRef{1, 20, 20}));
  const auto none = parse_view("crop=20x20")->apply(scene(40, 60, {}), all_columns(), {});
  EXPECT_EQ(none["boxes"].sizes(), (torch::IntArrayRef{0, 4}));
}

TEST(Views, EqualKeysGiveEqualBytes) {
  torch::manual_seed(4);
  const auto before = scene();
  for (const std::string text :
       {"random_crop=16x16", "scale_shift=0.5:2:0.3", "colour=0.5:0.5:0.5:0.5"}) {
    const auto view = parse_view(text);
    const auto one = view->apply(before, all_columns(), {1});
    EXPECT_TRUE(one["image"].equal(view->apply(before, all_columns(), {1})["image"])) << text;
    EXPECT_FALSE(one["image"].equal(view->apply(before, all_columns(), {2})["image"])) << text;
    EXPECT_TRUE(one["clip"][1].allclose(one["image"], 0, 1e-6)) << text;
  }
}

TEST(RandomCrop, TakesPiecesOfTheShareAndRatioAskedFor) {
  // Pixel values encode their coordinates.
  auto image = torch::empty({2, 200, 300});
  image[0] = torch::arange(300).to(torch::kFloat32).unsqueeze(0).expand({200, 300});
  image[1] = torch::arange(200).to(torch::kFloat32).unsqueeze(1).expand({200, 300});
  const Columns columns = {
      {.name = "image", .shape = {2, -1, -1}, .type = torch::kFloat32, .meaning = ""}};
  const auto view = parse_view("random_crop=10x10:0.2");
  double least = 1, most = 0;
  for (std::uint64_t k = 0; k < 200; ++k) {
    const auto after = view->apply({{"image", image}}, columns, {k})["image"];
    const double width = (after[0][5][9] - after[0][5][0]).item<double>() / 0.9,
                 height = (after[1][9][5] - after[1][0][5]).item<double>() / 0.9;
    const double share = width * height / (200 * 300), ratio = width / height;
    least = std::min(least, share);
    most = std::max(most, share);
    EXPECT_GT(ratio, 0.73);
    EXPECT_LT(ratio, 1.36);
  }
  EXPECT_NEAR(least, 0.2, 0.03);
  EXPECT_GT(most, 0.7);
  // Extreme aspect ratio: centre crop.
  const auto strip = view->apply(
      {{"image", torch::ones({1, 2, 100})}},
      {{.name = "image", .shape = {1, -1, -1}, .type = torch::kFloat32, .meaning = ""}}, {3});
  EXPECT_EQ(strip["image"].sizes(), (torch::IntArrayRef{1, 10, 10}));
}

TEST(Colour, KnownPixels) {
  const Columns columns = {
      {.name = "image", .shape = {3, 1, 2}, .type = torch::kFloat32, .meaning = ""}};
  const auto grey = torch::full({3, 1, 2}, 0.5F);
  for (std::uint64_t k = 0; k < 10; ++k) {
    // Saturation and hue do not change grey.
    const auto same =
        parse_view("colour=0:0:1:0.5")->apply({{"image", grey}}, columns, {k})["image"];
    EXPECT_TRUE(same.allclose(grey, 0, 1e-6));
    const auto bright = parse_view("colour=0.5")->apply({{"image", grey}}, columns, {k})["image"];
    EXPECT_GE(bright[0][0][0].item<float>(), 0.25F);
    EXPECT_LE(bright[0][0][0].item<float>(), 0.75F);
    EXPECT_TRUE(bright.equal(torch::full_like(bright, bright[0][0][0].item<float>())));
    // Contrast keeps the mean.
    const auto two = torch::tensor({0.4F, 0.6F}).view({1, 1, 2}).expand({3, 1, 2});
    const auto other = parse_view("colour=0:0.9")->apply({{"image", two}}, columns, {k})["image"];
    EXPECT_NEAR(other.mean().item<float>(), 0.5, 1e-4);
    // The hue turns, value and saturation stay.
    const auto red = torch::tensor({0.8F, 0.2F, 0.2F}).view({3, 1, 1}).expand({3, 1, 2});
    const auto turned =
        parse_view("colour=0:0:0:0.5")->apply({{"image", red}}, columns, {k})["image"];
    EXPECT_NEAR(turned.max().item<float>(), 0.8, 1e-5);
    EXPECT_NEAR(turned.min().item<float>(), 0.2, 1e-5);
    EXPECT_FALSE(turned.allclose(red, 0, 1e-3));
  }
}

class OneScene : public Dataset {
 public:
  std::int64_t size() const override { return 3; }
  Example get(std::int64_t, const Key&) const override { return example; }
  Columns columns() const override { return described; }
  Example example = scene();
  Columns described = all_columns();
};

TEST(ViewedSet, AppliesViewsInOrderUnderKeysOfTheirOwn) {
  const auto set = std::make_shared<OneScene>();
  const ViewedSet viewed(set, parse_views({"resize_short=20", "flip", "flip", "crop=16x16"}));
  EXPECT_EQ(viewed.columns()[0].shape, (std::vector<std::int64_t>{3, 16, 16}));
  bool has_odd = false;  // flips are drawn apart, so that one alone comes, too
  const auto plain = ViewedSet(set, parse_views({"resize_short=20", "crop=16x16"})).get(0, {});
  for (std::uint64_t k = 0; k < 20; ++k)
    has_odd = has_odd || !viewed.get(0, {k})["image"].equal(plain["image"]);
  EXPECT_TRUE(has_odd);
  EXPECT_EQ(viewed.get(1, {1})["image"].sizes(), (torch::IntArrayRef{3, 16, 16}));
}

TEST(Views, OneSentencePerError) {
  const auto fault = [](const std::string& text) {
    return error_of<UsageError>([&] { (void)parse_view(text); });
  };
  EXPECT_EQ(fault("resise=3x4"),
            "a view must be one of resize, resize_short, crop, random_crop, flip, scale_shift, "
            "colour and pad, got 'resise'; did you mean 'resize'?");
  EXPECT_EQ(fault("resize=3"), "a view must be resize=WxH, sides of 1..65536, got 'resize=3'");
  EXPECT_EQ(fault("resize=0x4"), "a view must be resize=WxH, sides of 1..65536, got 'resize=0x4'");
  EXPECT_EQ(fault("flip=2"), "a view must be flip, got 'flip=2'");
  EXPECT_EQ(fault("colour=nan"),
            "a view must be colour=B[:C[:S[:H]]], B, C and S in 0..1, H in 0..0.5, got "
            "'colour=nan'");
  EXPECT_EQ(fault("pad=8:9"), "a view must be pad=N, N in 1..65536, got 'pad=8:9'");
  EXPECT_EQ(fault("scale_shift=2:1"),
            "a view must be scale_shift=A:B[:S], 0.01 <= A <= B <= 100, S in 0..1, "
            "got 'scale_shift=2:1'");
  const Columns labels = {{.name = "label", .shape = {}, .type = torch::kInt64, .meaning = ""}};
  expect_error(
      [&] { (void)parse_view("flip")->columns(labels); },
      "view 'flip' moves pixels, and the data set has none of image, clip, mask, masks and "
      "flow");
  expect_error(
      [&] { (void)parse_view("colour=0.1")->columns(labels); },
      "view 'colour=0.1:0:0:0' changes colours, and the data set has neither image nor clip");
  auto uneven = scene();
  uneven.set("mask", torch::zeros({40, 61}, torch::kInt64));
  expect_error([&] { (void)parse_view("pad=8")->apply(uneven, all_columns(), {}); },
               "columns 'image' and 'mask' must have one size, got 60x40 and 61x40 (view 'pad=8')");
  auto short_list = scene();
  short_list.set("labels", torch::zeros({2}, torch::kInt64));
  expect_error([&] { (void)parse_view("crop=8x8")->apply(short_list, all_columns(), {}); },
               "listed column 'labels' must have a row for each of 3 boxes, got [2] (view "
               "'crop=8x8')");
  auto no_number = scene();
  no_number.set("boxes", torch::full({1, 4}, NAN));
  expect_error([&] { (void)parse_view("pad=8")->apply(no_number, all_columns(), {}); },
               "edges of boxes must be numbers (view 'pad=8')");
  Example single = {{"image", torch::rand({1, 10, 10})},
                    {"box", torch::tensor({0.F, 0.F, 2.F, 2.F})}};
  expect_error(
      [&] {
        (void)parse_view("crop=4x4")
            ->apply(
                single,
                {{.name = "image", .shape = {1, 10, 10}, .type = torch::kFloat32, .meaning = ""}},
                {});
      },
      "the box (0, 0, 2, 2) of a picture of 10x10 lies outside it after view 'crop=4x4'");
}

TEST(Views, TableNamesThoseThatAreParsed) {
  std::vector<std::string> random;
  for (const ViewKind& kind : view_kinds()) {
    // The bare name is a view, or the error has form and ranges.
    const std::string name = std::string(kind.form).substr(0, std::string(kind.form).find('='));
    const auto said = error_of<UsageError>([&] { (void)parse_view(name); });
    const std::string form = kind.form, ranges = kind.ranges;
    EXPECT_EQ(said, form == name ? "no error"
                                 : "a view must be " + form + (ranges.empty() ? "" : ", ") +
                                       ranges + ", got '" + name + "'");
    if (kind.is_random) random.push_back(name);
  }
  EXPECT_EQ(random, (std::vector<std::string>{"random_crop", "flip", "scale_shift", "colour"}));
}

struct DataTable {
  ViewsConfig views;
  void fields(Fields& v) { views.fields(v); }
};
struct Recipe {
  DataTable data;
  void fields(Fields& v) { v.group("data", data); }
};

TEST(ViewsConfig, ComesFromARecipe) {
  Recipe recipe;
  load(recipe, parse_toml("[data]\nviews = ['resize_short=20', 'flip']\n"
                          "eval_views = ['crop=8x8']\n",
                          "r.toml"));
  EXPECT_EQ(recipe.data.views.train, (std::vector<std::string>{"resize_short=20", "flip"}));
  const auto set = std::make_shared<OneScene>();
  const auto width = [&](Split split) {
    return recipe.data.views.apply(set, split)->columns()[0].shape;
  };
  EXPECT_EQ(width(Split::kTrain), (std::vector<std::int64_t>{3, -1, -1}));
  EXPECT_EQ(width(Split::kValidation), (std::vector<std::int64_t>{3, 8, 8}));
  EXPECT_EQ(width(Split::kTest), (std::vector<std::int64_t>{3, 8, 8}));
  EXPECT_EQ(recipe.data.views.apply(set, Split::kTrain)->get(0, {1})["image"].size(1), 20);
  EXPECT_EQ(ViewsConfig{}.apply(set, Split::kTrain), set);
  recipe.data.views.eval.push_back("flip");
  expect_error<UsageError>([&] { recipe.data.views.check(); },
                           "data.eval_views must give the same picture every time, got 'flip'");
  recipe.data.views.train.push_back("flap");
  expect_error<UsageError>(
      [&] { (void)recipe.data.views.apply(set, Split::kTrain); },
      "data.views: a view must be one of resize, resize_short, crop, random_crop, flip, "
      "scale_shift, colour and pad, got 'flap'; did you mean 'flip'?");
}

}  // namespace views_test
}  // namespace clew::data
