// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/anchors.h"

#include <torch/types.h>

#include <vector>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"

namespace clew::ops {

using torch::Tensor;

Tensor base_anchors(const AnchorShapes& shapes, const torch::TensorOptions& options) {
  for (const double size : shapes.sizes)
    CLEW_CHECK(size > 0, "sizes must be above 0, got ", size, " (base_anchors)");
  for (const double ratio : shapes.ratios)
    CLEW_CHECK(ratio > 0, "ratios must be above 0, got ", ratio, " (base_anchors)");
  // In f32 whatever the result's type, for the rounding is torchvision's.
  const auto column = [](const std::vector<double>& numbers) {
    return torch::tensor(at::ArrayRef<double>(numbers), torch::kFloat64).to(torch::kFloat32);
  };
  const Tensor sizes = column(shapes.sizes).unsqueeze(0),
               height = column(shapes.ratios).sqrt().unsqueeze(1);
  const Tensor w = (1 / height * sizes).view(-1), h = (height * sizes).view(-1);
  return (torch::stack({-w, -h, w, h}, 1) / 2).round().to(options);
}

Tensor grid_anchors(const Tensor& base, ImageSize map, ImageSize stride, double offset) {
  check_table(base, "base", "A", 4, "grid_anchors");
  CLEW_CHECK(map.height >= 0 && map.width >= 0, "map must be at least 0x0, got ", map.height, "x",
             map.width, " (grid_anchors)");
  const auto steps = [&](std::int64_t count, std::int64_t step) {
    const auto at =
        (torch::arange(count, base.options().dtype(torch::kInt64)) * step).to(base.scalar_type());
    return offset == 0 ? at : at + offset;
  };
  const Tensor x = steps(map.width, stride.width).expand({map.height, map.width}),
               y = steps(map.height, stride.height).unsqueeze(1).expand({map.height, map.width});
  const Tensor shifts = torch::stack({x, y, x, y}, 2).view({-1, 1, 4});
  return (shifts + base).view({-1, 4});
}

Tensor pyramid_anchors(const std::vector<AnchorShapes>& levels, ImageSize image,
                       const std::vector<ImageSize>& maps, const torch::TensorOptions& options,
                       const std::vector<double>& offsets) {
  CLEW_CHECK(!levels.empty() && levels.size() == maps.size(),
             "levels must be one to a map and at least one, got ", levels.size(), " for ",
             maps.size(), " maps (pyramid_anchors)");
  CLEW_CHECK(offsets.empty() || offsets.size() == maps.size(), "offsets must be one to a map, got ",
             offsets.size(), " for ", maps.size(), " maps (pyramid_anchors)");
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const ImageSize map = maps[i];
    CLEW_CHECK(map.height > 0 && map.width > 0, "maps must be at least 1x1, got ", map.height, "x",
               map.width, " (pyramid_anchors)");
    all.push_back(grid_anchors(base_anchors(levels[i], options), map,
                               {image.height / map.height, image.width / map.width},
                               offsets.empty() ? 0 : offsets[i]));
  }
  return torch::cat(all);
}

}  // namespace clew::ops
