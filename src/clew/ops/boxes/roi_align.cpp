// SPDX-License-Identifier: Apache-2.0
// Checks, the graph node, and the order of the work. Features with channels last are read where they are, RoI by
// RoI; others block of channels by block, from a copy with channels last of what the RoIs read. The gradient
// of the features is summed by block of channels and image, RoI after RoI, by one thread: its bits do not depend
// on their number.
#include "clew/ops/boxes/roi_align.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"
#include "clew/ops/boxes/roi_align_fast.h"
#include "clew/ops/boxes/roi_align_plan.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// Channels last in memory, in whole vectors.
bool is_by_pixels(const Tensor& map) {
  const std::int64_t c = map.size(1), h = map.size(2), w = map.size(3);
  return c % kRoiLanes == 0 && map.strides() == torch::IntArrayRef({h * w * c, 1, w * c, c});
}
Tensor dense_map(const Tensor& map) { return is_by_pixels(map) ? map : map.contiguous(); }
Tensor map_like(const Tensor& shape_of, bool by_pixels, bool is_zero) {
  const std::int64_t c = shape_of.size(1), h = shape_of.size(2), w = shape_of.size(3);
  const std::vector<std::int64_t> strides = by_pixels
                                                ? std::vector<std::int64_t>{h * w * c, 1, w * c, c}
                                                : std::vector<std::int64_t>{c * h * w, h * w, w, 1};
  Tensor map = torch::empty_strided(shape_of.sizes(), strides, shape_of.options());
  return is_zero ? map.zero_() : map;
}

/// Channels of block g: the first, how many, and the width of a pixel.
struct RoiBlock {
  RoiBlock(std::int64_t g, std::int64_t channels, std::int64_t size)
      : first(g * size),
        count(std::min(size, channels - first)),
        width((count + kRoiLanes - 1) / kRoiLanes * kRoiLanes) {}
  static std::int64_t blocks(std::int64_t channels, std::int64_t size) {
    return (channels + size - 1) / size;
  }
  std::int64_t first, count, width;
};

/// A rectangle of a map, pixel after pixel of a block.
template <class T>
class RoiTile {
 public:
  void reserve(std::int64_t pixels) {
    if (pixels * kRoiTileBlock <= room_) return;
    room_ = pixels * kRoiTileBlock;
    numbers_ = std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(room_));
  }
  void place(std::int64_t top, std::int64_t left, std::int64_t rows, std::int64_t columns,
             std::int64_t width) {
    reserve(rows * columns);
    top_ = top, left_ = left, rows_ = rows, columns_ = columns, width_ = width;
  }
  void clear() { std::fill_n(numbers_.get(), rows_ * columns_ * width_, T(0)); }
  /// Reads a block of channels of planes [channels,h,w], or writes them.
  void read(const T* planes, std::int64_t height, std::int64_t width, std::int64_t channels) {
    each_run(height, width, [&](std::int64_t at, std::int64_t in_tile, std::int64_t count) {
      roi_kernels<T>().to_pixels(planes + at, height * width, count, channels,
                                 numbers_.get() + in_tile, width_);
    });
  }
  void write(T* planes, std::int64_t height, std::int64_t width, std::int64_t channels) const {
    each_run(height, width, [&](std::int64_t at, std::int64_t in_tile, std::int64_t count) {
      roi_kernels<T>().to_planes(numbers_.get() + in_tile, width_, count, channels, planes + at,
                                 height * width);
    });
  }
  template <class Number>
  RoiMap<Number> map() const {
    return {numbers_.get() - (top_ * columns_ + left_) * width_, columns_ * width_, width_, width_};
  }

 private:
  template <class F>
  void each_run(std::int64_t /*height*/, std::int64_t width, const F& call) const {
    if (columns_ == width) return call(top_ * width, 0, rows_ * width);
    for (std::int64_t r = 0; r < rows_; ++r)
      call((top_ + r) * width + left_, r * columns_ * width_, columns_);
  }
  std::int64_t room_ = 0, top_ = 0, left_ = 0, rows_ = 0, columns_ = 0, width_ = 0;
  std::unique_ptr<T[]> numbers_;
};

struct RoiShape {
  std::int64_t height, width, sampling_ratio;
  bool is_aligned, has_box_gradient;
};

/// A call's maps and plan, shared by forward and backward.
template <class T>
struct RoiWork {
  RoiPlan<T> plan;
  std::int64_t channels = 0;

  RoiMap<const T> in_place(const Tensor& map, const RoiGroup& group, std::int64_t first,
                           std::int64_t width) const {
    return {map.data_ptr<T>() + group.image * map.stride(0) + first, map.stride(2), map.stride(3),
            width};
  }
  const T* planes(const Tensor& map, const RoiGroup& group, std::int64_t first) const {
    return map.data_ptr<T>() + (group.image * channels + first) * map.size(2) * map.size(3);
  }
  std::unique_ptr<T[]> scratch() const {
    return std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(plan.bins() * kRoiBlock));
  }

  /// Blocks of all groups whose maps are copied, or are not.
  struct Task {
    const RoiGroup* group;
    RoiBlock block;
  };
  std::vector<Task> tasks(const std::vector<Tensor>& maps, bool by_pixels) const {
    const std::int64_t size = by_pixels ? kRoiBlock : kRoiTileBlock;
    std::vector<Task> all;
    for (const RoiGroup& group : plan.groups) {
      if (!maps[group.level].defined() || is_by_pixels(maps[group.level]) != by_pixels) continue;
      for (std::int64_t g = 0; g < RoiBlock::blocks(channels, size); ++g)
        all.push_back({&group, RoiBlock(g, channels, size)});
    }
    return all;
  }

  void forward(const std::vector<Tensor>& maps, T* out) const {
    const std::int64_t blocks = RoiBlock::blocks(channels, kRoiBlock);
    const auto& kernels = roi_kernels<T>();
    const auto result = [&](std::int64_t k, std::int64_t first) {
      return out + (k * channels + first) * plan.bins();
    };
    at::parallel_for(0, plan.count, 4, [&](std::int64_t begin, std::int64_t end) {
      const auto memory = scratch();
      for (std::int64_t k = begin; k < end; ++k) {
        const RoiGroup& group = plan.groups[plan.group_of[k]];
        const Tensor& map = maps[group.level];
        if (!is_by_pixels(map)) continue;
        for (std::int64_t g = 0; g < blocks; ++g) {
          const RoiBlock block(g, channels, kRoiBlock);
          kernels.forward(plan, k, in_place(map, group, block.first, block.width), block.count,
                          memory.get(), result(k, block.first));
        }
      }
    });
    const auto copied = tasks(maps, false);
    const auto count = static_cast<std::int64_t>(copied.size());
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      const auto memory = scratch();
      RoiTile<T> tile;
      for (std::int64_t i = begin; i < end; ++i) {
        const RoiGroup& group = *copied[i].group;
        const RoiBlock& block = copied[i].block;
        const Tensor& map = maps[group.level];
        if (group.rois.empty()) continue;
        const T* const from = planes(map, group, block.first);
        const auto read = [&](std::int64_t top, std::int64_t left, std::int64_t rows,
                              std::int64_t columns) {
          tile.place(top, left, rows, columns, block.width);
          tile.read(from, map.size(2), map.size(3), block.count);
        };
        // Few RoIs are copied one by one; one off the map reads nothing, but has a width.
        const bool is_shared = group.pixels_of_each >= group.rows * group.columns;
        if (is_shared) read(group.top, group.left, group.rows, group.columns);
        if (!is_shared) tile.place(0, 0, 0, 0, block.width);
        for (const std::int64_t k : group.rois) {
          if (!is_shared && plan.pixels_of(k) > 0)
            read(plan.rows.lowest[k], plan.columns.lowest[k], plan.rows.length_of(k),
                 plan.columns.length_of(k));
          kernels.forward(plan, k, tile.template map<const T>(), block.count, memory.get(),
                          result(k, block.first));
        }
      }
    });
  }

  /// grads: of the maps, by pixels and zero, or by planes and not set.
  void backward(const T* up, const std::vector<Tensor>& grads) const {
    const auto& kernels = roi_kernels<T>();
    auto all = tasks(grads, true);
    const auto copied = tasks(grads, false);
    all.insert(all.end(), copied.begin(), copied.end());
    at::parallel_for(
        0, static_cast<std::int64_t>(all.size()), 1, [&](std::int64_t begin, std::int64_t end) {
          const auto memory = scratch();
          RoiTile<T> tile;
          for (std::int64_t i = begin; i < end; ++i) {
            const RoiGroup& group = *all[i].group;
            const RoiBlock& block = all[i].block;
            const Tensor& grad = grads[group.level];
            const auto add = [&](const RoiMap<T>& map) {
              for (const std::int64_t k : group.rois)
                kernels.backward(plan, k, up + (k * channels + block.first) * plan.bins(),
                                 block.count, memory.get(), map);
            };
            if (is_by_pixels(grad)) {
              add({grad.data_ptr<T>() + group.image * grad.stride(0) + block.first, grad.stride(2),
                   grad.stride(3), block.width});
              continue;
            }
            const std::int64_t h = grad.size(2), w = grad.size(3);
            T* const to = grad.data_ptr<T>() + (group.image * channels + block.first) * h * w;
            if (group.rows < h || group.columns < w) std::fill_n(to, block.count * h * w, T(0));
            if (group.rois.empty()) continue;
            tile.place(group.top, group.left, group.rows, group.columns, block.width);
            tile.clear();
            add(tile.template map<T>());
            tile.write(to, h, w, block.count);
          }
        });
  }

  /// maps by pixels, of whole vectors of channels -> gradients of x1 y1 x2 y2 of each RoI in [K,5].
  void box_gradient(const std::vector<Tensor>& maps, const T* up, T* grad) const {
    const std::int64_t blocks = RoiBlock::blocks(channels, kRoiBlock);
    const auto& kernels = roi_kernels<T>();
    at::parallel_for(0, plan.count, 4, [&](std::int64_t begin, std::int64_t end) {
      const auto memory = scratch();
      for (std::int64_t k = begin; k < end; ++k) {
        const RoiGroup& group = plan.groups[plan.group_of[k]];
        double sums[4] = {};
        for (std::int64_t g = 0; g < blocks; ++g) {
          const RoiBlock block(g, channels, kRoiBlock);
          kernels.box_gradient(
              plan, k, in_place(maps[group.level], group, block.first, block.width),
              up + (k * channels + block.first) * plan.bins(), block.count, memory.get(), sums);
        }
        grad[5 * k] = 0;
        for (int i = 0; i < 4; ++i) grad[5 * k + 1 + i] = static_cast<T>(sums[i]);
      }
    });
  }
};

/// `levels` [K] of the RoIs; null: all on the one map. The images must be those of the maps.
template <class T>
RoiPlan<T> make_plan(const std::vector<Tensor>& maps, const std::vector<double>& scales,
                     const Tensor& rois, const std::int64_t* levels, const RoiShape& shape) {
  const std::int64_t count = rois.size(0), images = maps[0].size(0);
  RoiPlan<T> plan{.height = shape.height, .width = shape.width, .count = count};
  plan.rows.bins = shape.height;
  plan.columns.bins = shape.width;
  for (std::int64_t level = 0; level < static_cast<std::int64_t>(maps.size()); ++level)
    for (std::int64_t image = 0; image < images; ++image)
      plan.groups.push_back({.level = level, .image = image});
  const T* roi = rois.data_ptr<T>();
  for (std::int64_t k = 0; k < count; ++k, roi += 5) {
    const std::int64_t level = levels == nullptr ? 0 : levels[k];
    const auto axis = [&](int dimension, std::int64_t bins) {
      return RoiAxis<T>{.pixels = maps[level].size(dimension),
                        .bins = bins,
                        .sampling_ratio = shape.sampling_ratio,
                        .scale = static_cast<T>(scales[level]),
                        .is_aligned = shape.is_aligned,
                        .has_gradient = shape.has_box_gradient};
    };
    axis(2, shape.height).add(roi[2], roi[4], plan.rows);
    axis(3, shape.width).add(roi[1], roi[3], plan.columns);
    CLEW_CHECK(
        std::max(plan.rows.pixel.size(), plan.columns.pixel.size()) < std::size_t{1} << 31,
        "rois must have less than 2^31 rows or columns of pixels in all their bins, got more "
        "at row ",
        k, " (roi_align)");
    plan.group_of.push_back(
        static_cast<std::int32_t>(level * images + static_cast<std::int64_t>(roi[0])));
    plan.groups[plan.group_of.back()].rois.push_back(k);
  }
  for (RoiGroup& group : plan.groups) {
    std::int64_t bottom = 0, right = 0;
    group.top = maps[group.level].size(2), group.left = maps[group.level].size(3);
    for (const std::int64_t k : group.rois) {
      if (plan.pixels_of(k) == 0) continue;
      group.pixels_of_each += plan.pixels_of(k);
      group.top = std::min<std::int64_t>(group.top, plan.rows.lowest[k]);
      group.left = std::min<std::int64_t>(group.left, plan.columns.lowest[k]);
      bottom = std::max<std::int64_t>(bottom, plan.rows.highest[k] + 1);
      right = std::max<std::int64_t>(right, plan.columns.highest[k] + 1);
    }
    if (group.pixels_of_each == 0) group.top = group.left = 0;
    group.rows = bottom - group.top, group.columns = right - group.left;
    if (group.pixels_of_each == 0) group.rows = group.columns = 0;
  }
  return plan;
}

/// A map by pixels with whole vectors of channels: a copy, unless it is one.
Tensor padded_by_pixels(const Tensor& map) {
  if (is_by_pixels(map)) return map;
  const std::int64_t c = map.size(1), wide = (c + kRoiLanes - 1) / kRoiLanes * kRoiLanes;
  Tensor copy = map_like(map.narrow(1, 0, 1).expand({-1, wide, -1, -1}), true, wide != c);
  copy.narrow(1, 0, c).copy_(map);
  return copy;
}

/// Edges: the maps, the RoIs.
template <class T>
struct RoiAlignNode : torch::autograd::Node {
  RoiWork<T> work;
  const char* where = "";
  std::vector<Tensor> shapes;  // of the maps, without memory
  std::vector<bool> by_pixels;
  std::vector<SavedTensor> maps;  // for box gradients
  std::int64_t rois = 0;

  variable_list apply(variable_list&& upstream) override {
    refuse_create_graph(where);
    const std::size_t levels = shapes.size();
    variable_list grads(levels + 1);
    if (!upstream[0].defined()) return grads;
    const Tensor up = upstream[0].contiguous();
    bool has_maps = false;
    for (std::size_t i = 0; i < levels; ++i) {
      if (!task_should_compute_output(i)) continue;
      grads[i] = map_like(shapes[i].to(up.options()), by_pixels[i], by_pixels[i]);
      has_maps = true;
    }
    if (has_maps) work.backward(up.data_ptr<T>(), {grads.begin(), grads.begin() + levels});
    if (!maps.empty() && task_should_compute_output(levels)) {
      std::vector<Tensor> from;
      for (const SavedTensor& map : maps)
        from.push_back(padded_by_pixels(map.get("the features", where)));
      grads[levels] = torch::empty({rois, 5}, up.options());
      work.box_gradient(from, up.data_ptr<T>(), grads[levels].template data_ptr<T>());
    }
    return grads;
  }
  std::string name() const override { return "clew::RoiAlign"; }
};

template <class T>
Tensor align(const std::vector<Tensor>& features, const std::vector<double>& scales,
             const Tensor& rois, const std::int64_t* levels, const RoiShape& shape,
             const char* where) {
  std::vector<Tensor> maps;
  for (const Tensor& map : features) maps.push_back(dense_map(map.detach()));
  const Tensor dense_rois = rois.detach().contiguous();
  RoiWork<T> work{make_plan<T>(maps, scales, dense_rois, levels, shape), maps[0].size(1)};
  Tensor output =
      torch::empty({rois.size(0), work.channels, shape.height, shape.width}, features[0].options());
  work.forward(maps, output.data_ptr<T>());
  std::vector<Tensor> inputs = features;
  inputs.push_back(shape.has_box_gradient ? rois : rois.detach());
  if (torch::autograd::compute_requires_grad(inputs)) {
    const auto node = make_node<RoiAlignNode<T>>();
    node->work = std::move(work);
    node->where = where;
    node->rois = rois.size(0);
    for (const Tensor& map : maps) {
      node->shapes.push_back(torch::empty({1}, map.options()).expand(map.sizes()));
      node->by_pixels.push_back(is_by_pixels(map));
      if (shape.has_box_gradient && rois.requires_grad()) node->maps.emplace_back(map);
    }
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
    torch::autograd::set_history(output, node);
  }
  return output;
}

void check_shape(const RoiShape& shape, const char* where) {
  CLEW_CHECK(shape.height > 0 && shape.width > 0 && shape.height <= 1024 && shape.width <= 1024,
             "bins must be 1x1 to 1024x1024, got ", shape.height, "x", shape.width, " (", where,
             ")");
  CLEW_CHECK(shape.sampling_ratio >= 0 && shape.sampling_ratio <= 1024,
             "sampling_ratio must be in 0..1024 (0: by the size of the bin), got ",
             shape.sampling_ratio, " (", where, ")");
}

Tensor aligned(const std::vector<Tensor>& features, const std::vector<double>& scales,
               const Tensor& rois, const std::int64_t* levels, const RoiShape& shape,
               const char* where) {
  return features[0].scalar_type() == torch::kFloat64
             ? align<double>(features, scales, rois, levels, shape, where)
             : align<float>(features, scales, rois, levels, shape, where);
}

}  // namespace

Tensor rois_of(const std::vector<Tensor>& boxes) {
  CLEW_CHECK(!boxes.empty(), "boxes must be of at least one image, got none (rois_of)");
  std::vector<Tensor> rois;
  for (const Tensor& of_image : boxes) {
    check_boxes(of_image, "boxes", "rois_of");
    check_like(of_image, "boxes", boxes[0], "first image's", "rois_of");
    rois.push_back(
        torch::cat({torch::full({of_image.size(0), 1}, static_cast<std::int64_t>(rois.size()),
                                of_image.options()),
                    of_image},
                   1));
  }
  return torch::cat(rois);
}

Tensor roi_align(const Tensor& features, const Tensor& rois, const RoiAlignOptions& options) {
  const RoiShape shape{options.height, options.width, options.sampling_ratio, options.is_aligned,
                       options.has_box_gradient};
  check_features(features, "roi_align");
  check_rois(rois, features, "roi_align");
  check_shape(shape, "roi_align");
  CLEW_CHECK(options.scale > 0 && std::isfinite(options.scale), "scale must be above 0, got ",
             options.scale, " (roi_align)");
  return aligned({features}, {options.scale}, rois, nullptr, shape, "roi_align");
}

Tensor pyramid_levels(const Tensor& boxes, std::int64_t lowest, std::int64_t highest,
                      const PyramidOptions& options) {
  check_boxes(boxes, "boxes", "pyramid_levels");
  CLEW_CHECK(lowest <= highest, "lowest must be at most highest, ", highest, ", got ", lowest,
             " (pyramid_levels)");
  const torch::NoGradGuard no_grad;
  const Tensor x = boxes.select(1, 2) - boxes.select(1, 0),
               y = boxes.select(1, 3) - boxes.select(1, 1);
  // Written as torchvision computes it: a box of the canonical size is on its level, not just below.
  const Tensor levels = torch::floor((static_cast<double>(options.canonical_level) +
                                      (torch::sqrt(x * y) / options.canonical_size).log2()) +
                                     1e-6);
  return torch::where(levels.isnan(), torch::full_like(levels, static_cast<double>(lowest)), levels)
      .clamp(lowest, highest)
      .to(torch::kInt64);
}

Tensor pyramid_roi_align(const std::vector<Tensor>& features, const std::vector<Tensor>& boxes,
                         const std::vector<ImageSize>& images, const PyramidOptions& options) {
  const char* const where = "pyramid_roi_align";
  const RoiShape shape{options.height, options.width, options.sampling_ratio, options.is_aligned,
                       options.has_box_gradient};
  check_shape(shape, where);
  CLEW_CHECK(!features.empty(), "features must be of at least one level, got none (", where, ")");
  check_features(features[0], where);
  const Tensor& first = features[0];
  for (const Tensor& map : features) {
    check_features(map, where);
    check_like(map, "features", first, "first level", where);
    CLEW_CHECK(map.size(0) == first.size(0) && map.size(1) == first.size(1), "features must be [",
               first.size(0), ",", first.size(1), ",H,W] as the first level, got ", map.sizes(),
               " (", where, ")");
  }
  CLEW_CHECK(
      static_cast<std::int64_t>(boxes.size()) == first.size(0) && images.size() == boxes.size(),
      "boxes and images must be of ", first.size(0), " images as the features, got ", boxes.size(),
      " and ", images.size(), " (", where, ")");
  if (boxes.empty())
    return torch::zeros({0, first.size(1), shape.height, shape.width}, first.options());
  const Tensor rois = rois_of(boxes);
  check_like(rois, "boxes", first, "features", where);
  std::int64_t height = 0;
  for (const ImageSize& image : images) height = std::max(height, image.height);
  CLEW_CHECK(height > 0, "images must be higher than 0, got ", height, " (", where, ")");
  std::vector<double> scales;
  std::vector<std::int64_t> steps;
  for (const Tensor& map : features) {
    const double log2 =
        std::round(std::log2(static_cast<double>(map.size(2)) / static_cast<double>(height)));
    steps.push_back(-static_cast<std::int64_t>(log2));
    scales.push_back(std::exp2(log2));
  }
  CLEW_CHECK(steps.front() <= steps.back(),
             "features must be from the finest to the coarsest, got heights ", first.size(2),
             " and ", features.back().size(2), " (", where, ")");
  const Tensor levels =
      (pyramid_levels(rois.detach().narrow(1, 1, 4), steps.front(), steps.back(), options) -
       steps.front())
          .clamp_max(static_cast<std::int64_t>(features.size()) - 1)
          .contiguous();
  if (options.offsets.empty())
    return aligned(features, scales, rois, levels.data_ptr<std::int64_t>(), shape, where);
  CLEW_CHECK(options.offsets.size() == features.size(), "offsets must be one to a level, got ",
             options.offsets.size(), " for ", features.size(), " (", where, ")");
  const Tensor offsets = torch::tensor(at::ArrayRef<double>(options.offsets), torch::kFloat64)
                             .to(rois.scalar_type())
                             .index_select(0, levels)
                             .unsqueeze(1);
  const Tensor shifts = torch::cat({torch::zeros_like(offsets), offsets.expand({-1, 4})}, 1);
  return aligned(features, scales, rois - shifts, levels.data_ptr<std::int64_t>(), shape, where);
}

}  // namespace clew::ops
