// SPDX-License-Identifier: Apache-2.0
#include "clew/ops/boxes/roi_pool.h"

#include <ATen/Parallel.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "clew/core/error.h"
#include "clew/ops/boxes/checks.h"
#include "clew/ops/boxes/roi_align_plan.h"
#include "clew/ops/tape.h"

namespace clew::ops {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

/// RoIs of each image, ascending.
template <class T>
std::vector<std::vector<std::int64_t>> rois_by_image(const Tensor& rois, std::int64_t images) {
  std::vector<std::vector<std::int64_t>> groups(static_cast<std::size_t>(images));
  const T* const roi = rois.data_ptr<T>();
  for (std::int64_t k = 0; k < rois.size(0); ++k)
    groups[static_cast<std::size_t>(roi[5 * k])].push_back(k);
  return groups;
}

/// Calls add(k, c, plane of the gradient) for each RoI of each plane, RoI after RoI: a plane is one thread's.
template <class T, class F>
void each_plane(const Tensor& rois, const Tensor& grad, const F& add) {
  const auto groups = rois_by_image<T>(rois, grad.size(0));
  const std::int64_t channels = grad.size(1), area = grad.size(2) * grad.size(3);
  at::parallel_for(0, grad.size(0) * channels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      T* const plane = grad.data_ptr<T>() + i * area;
      for (const std::int64_t k : groups[i / channels]) add(k, i % channels, plane);
    }
  });
}

// ---- on whole pixels

/// Pixels [begin,end) along one axis.
struct PoolRange {
  std::int64_t begin = 0, end = 0;
};

/// Of each bin; none of a box that is not finite.
template <class T>
std::vector<PoolRange> pool_ranges(T box_start, T box_end, T scale, std::int64_t bins,
                                   std::int64_t pixels) {
  std::vector<PoolRange> ranges(static_cast<std::size_t>(bins));
  const T start = std::round(box_start * scale), end = std::round(box_end * scale);
  if (!std::isfinite(start) || !std::isfinite(end)) return ranges;
  constexpr T kFar = 1 << 30;
  const auto first = static_cast<std::int64_t>(std::clamp(start, -kFar, kFar)),
             last = static_cast<std::int64_t>(std::clamp(end, -kFar, kFar));
  const T bin = static_cast<T>(std::max<std::int64_t>(last - first + 1, 1)) / static_cast<T>(bins);
  const auto on_map = [&](T place) {
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(place) + first, 0, pixels);
  };
  for (std::int64_t p = 0; p < bins; ++p)
    ranges[p] = {on_map(std::floor(static_cast<T>(p) * bin)),
                 on_map(std::ceil(static_cast<T>(p + 1) * bin))};
  return ranges;
}

/// Largest pixel of a bin of map [.,w] and its place; -1 where there is none.
template <class T>
struct LargestPixel {
  LargestPixel(const T* map, std::int64_t w, const PoolRange& rows, const PoolRange& columns) {
    if (rows.end <= rows.begin || columns.end <= columns.begin) return;
    value = -FLT_MAX;  // torchvision's, for f64 too
    for (std::int64_t i = rows.begin; i < rows.end; ++i) {
      for (std::int64_t j = columns.begin; j < columns.end; ++j) {
        if (!(map[i * w + j] > value)) continue;
        value = map[i * w + j];
        place = i * w + j;
      }
    }
  }
  T value = 0;
  std::int64_t place = -1;
};

template <class T>
void pool_forward(const Tensor& features, const Tensor& rois, const RoiPoolOptions& options,
                  const Tensor& output, const Tensor& chosen) {
  const std::int64_t channels = features.size(1), h = features.size(2), w = features.size(3),
                     bins = options.height * options.width;
  const auto scale = static_cast<T>(options.scale);
  at::parallel_for(0, rois.size(0), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t k = first; k < last; ++k) {
      const T* const roi = rois.data_ptr<T>() + 5 * k;
      const auto rows = pool_ranges(roi[2], roi[4], scale, options.height, h),
                 columns = pool_ranges(roi[1], roi[3], scale, options.width, w);
      const T* const maps =
          features.data_ptr<T>() + static_cast<std::int64_t>(roi[0]) * channels * h * w;
      T* out = output.data_ptr<T>() + k * channels * bins;
      std::int32_t* from = chosen.data_ptr<std::int32_t>() + k * channels * bins;
      for (std::int64_t c = 0; c < channels; ++c) {
        for (const PoolRange& in_rows : rows) {
          for (const PoolRange& in_columns : columns) {
            const LargestPixel<T> largest(maps + c * h * w, w, in_rows, in_columns);
            *out++ = largest.value;
            *from++ = static_cast<std::int32_t>(largest.place);
          }
        }
      }
    }
  });
}

struct RoiPoolFunction : torch::autograd::Function<RoiPoolFunction> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& given,
                        const Tensor& given_rois, const RoiPoolOptions& options) {
    const Tensor features = given.contiguous(), rois = given_rois.contiguous();
    const std::vector<std::int64_t> shape{rois.size(0), features.size(1), options.height,
                                          options.width};
    const Tensor output = torch::empty(shape, features.options());
    const Tensor chosen = torch::empty(shape, features.options().dtype(torch::kInt32));
    features.scalar_type() == torch::kFloat64
        ? pool_forward<double>(features, rois, options, output, chosen)
        : pool_forward<float>(features, rois, options, output, chosen);
    context->save_for_backward({rois, chosen});
    context->saved_data["shape"] = features.sizes();
    return output;
  }
  static variable_list backward(torch::autograd::AutogradContext* context, variable_list upstream) {
    refuse_create_graph("roi_pool");
    const auto saved = context->get_saved_variables();
    const Tensor up = upstream[0].contiguous();
    const Tensor grad = torch::zeros(context->saved_data["shape"].toIntVector(), up.options());
    up.scalar_type() == torch::kFloat64 ? spread<double>(up, saved[0], saved[1], grad)
                                        : spread<float>(up, saved[0], saved[1], grad);
    return {grad, Tensor(), Tensor()};
  }
  template <class T>
  static void spread(const Tensor& up, const Tensor& rois, const Tensor& chosen,
                     const Tensor& grad) {
    const std::int64_t bins = up.size(2) * up.size(3), channels = up.size(1);
    each_plane<T>(rois, grad, [&](std::int64_t k, std::int64_t c, T* plane) {
      const T* const given = up.data_ptr<T>() + (k * channels + c) * bins;
      const std::int32_t* const from = chosen.data_ptr<std::int32_t>() + (k * channels + c) * bins;
      for (std::int64_t bin = 0; bin < bins; ++bin)
        if (from[bin] >= 0) plane[from[bin]] += given[bin];
    });
  }
};

// ---- between pixels

/// All samples of a RoI along both axes.
template <class T>
struct WarpSamples {
  WarpSamples(const T* roi, std::int64_t h, std::int64_t w, const RoiWarpOptions& options)
      : ratio(options.sampling_ratio) {
    fill(rows, roi[2], roi[4],
         {h, options.height, ratio, static_cast<T>(options.scale), options.is_aligned, true});
    fill(columns, roi[1], roi[3],
         {w, options.width, ratio, static_cast<T>(options.scale), options.is_aligned, true});
  }
  static void fill(std::vector<RoiSample<T>>& samples, T start, T end, const RoiAxis<T>& axis) {
    const auto side = axis.side_of(start, end);
    for (std::int64_t p = 0; p < axis.bins; ++p)
      for (std::int64_t i = 0; i < axis.sampling_ratio; ++i)
        samples.push_back(side.grid > 0 ? axis.sample(side, p, i) : RoiSample<T>());
  }
  std::int64_t ratio;
  std::vector<RoiSample<T>> rows, columns;
};

/// The four pixels around a sample, by their offsets in a map.
template <class T>
struct WarpTaps {
  WarpTaps(const RoiSample<T>& y, const RoiSample<T>& x, std::int64_t w)
      : low(y.low * w + x.low),
        right(x.part != 0 || x.slope != 0),
        below(y.part != 0 || y.slope != 0 ? w : 0) {}
  std::int64_t low, right, below;  // right and below: steps, 0 at the border
};

template <class T>
void warp_forward(const Tensor& features, const Tensor& rois, const RoiWarpOptions& options,
                  const Tensor& output, const Tensor& chosen) {
  const std::int64_t channels = features.size(1), h = features.size(2), w = features.size(3),
                     bins = options.height * options.width, ratio = options.sampling_ratio;
  at::parallel_for(0, rois.size(0), 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t k = first; k < last; ++k) {
      const T* const roi = rois.data_ptr<T>() + 5 * k;
      const WarpSamples<T> samples(roi, h, w, options);
      const T* const maps =
          features.data_ptr<T>() + static_cast<std::int64_t>(roi[0]) * channels * h * w;
      T* const out = output.data_ptr<T>() + k * channels * bins;
      std::int32_t* const from = chosen.data_ptr<std::int32_t>() + k * channels * bins;
      for (std::int64_t c = 0; c < channels; ++c) {
        const T* const map = maps + c * h * w;
        for (std::int64_t bin = 0; bin < bins; ++bin) {
          T most = 0;
          std::int32_t place = -1;
          for (std::int64_t i = 0; i < ratio * ratio; ++i) {
            const auto& y = samples.rows[bin / options.width * ratio + i / ratio];
            const auto& x = samples.columns[bin % options.width * ratio + i % ratio];
            if (y.low < 0 || x.low < 0) continue;
            const WarpTaps<T> at(y, x, w);
            const T* const p = map + at.low;
            const T top = (1 - x.part) * p[0] + x.part * p[at.right],
                    bottom = (1 - x.part) * p[at.below] + x.part * p[at.below + at.right];
            const T value = (1 - y.part) * top + y.part * bottom;
            if (place >= 0 && !(value > most)) continue;
            most = value;
            place = static_cast<std::int32_t>(i);
          }
          out[c * bins + bin] = most;
          from[c * bins + bin] = place;
        }
      }
    }
  });
}

/// Calls work(bin, y, x) for the bins of a plane that have a sample.
template <class T, class F>
void each_chosen(const WarpSamples<T>& samples, const std::int32_t* from,
                 const RoiWarpOptions& options, const F& work) {
  const std::int64_t ratio = options.sampling_ratio;
  for (std::int64_t bin = 0; bin < options.height * options.width; ++bin) {
    if (from[bin] < 0) continue;
    work(bin, samples.rows[bin / options.width * ratio + from[bin] / ratio],
         samples.columns[bin % options.width * ratio + from[bin] % ratio]);
  }
}

/// Edges: features, RoIs.
struct RoiWarpNode : torch::autograd::Node {
  SavedTensor features, rois;
  Tensor chosen;
  RoiWarpOptions options;

  template <class T>
  void by_features(const Tensor& up, const Tensor& boxes, const Tensor& grad) const {
    const std::int64_t bins = options.height * options.width, channels = up.size(1),
                       w = grad.size(3);
    std::vector<WarpSamples<T>> samples;
    for (std::int64_t k = 0; k < boxes.size(0); ++k)
      samples.emplace_back(boxes.data_ptr<T>() + 5 * k, grad.size(2), w, options);
    each_plane<T>(boxes, grad, [&](std::int64_t k, std::int64_t c, T* plane) {
      const std::int64_t at_plane = (k * channels + c) * bins;
      const T* const given = up.data_ptr<T>() + at_plane;
      each_chosen(samples[k], chosen.data_ptr<std::int32_t>() + at_plane, options,
                  [&](std::int64_t bin, const RoiSample<T>& y, const RoiSample<T>& x) {
                    const WarpTaps<T> at(y, x, w);
                    T* const p = plane + at.low;
                    const T top = (1 - y.part) * given[bin], bottom = y.part * given[bin];
                    p[0] += (1 - x.part) * top;
                    p[at.right] += x.part * top;
                    p[at.below] += (1 - x.part) * bottom;
                    p[at.below + at.right] += x.part * bottom;
                  });
    });
  }

  template <class T>
  void by_boxes(const Tensor& up, const Tensor& maps, const Tensor& boxes,
                const Tensor& grad) const {
    const std::int64_t bins = options.height * options.width, channels = up.size(1),
                       h = maps.size(2), w = maps.size(3);
    at::parallel_for(0, boxes.size(0), 1, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t k = first; k < last; ++k) {
        const T* const roi = boxes.data_ptr<T>() + 5 * k;
        const WarpSamples<T> samples(roi, h, w, options);
        std::array<double, 4> sums{};
        for (std::int64_t c = 0; c < channels; ++c) {
          const T* const map =
              maps.data_ptr<T>() + (static_cast<std::int64_t>(roi[0]) * channels + c) * h * w;
          const std::int64_t at_plane = (k * channels + c) * bins;
          const T* const given = up.data_ptr<T>() + at_plane;
          each_chosen(samples, chosen.data_ptr<std::int32_t>() + at_plane, options,
                      [&](std::int64_t bin, const RoiSample<T>& y, const RoiSample<T>& x) {
                        const WarpTaps<T> at(y, x, w);
                        const T* const p = map + at.low;
                        const T p00 = p[0], p01 = p[at.right], p10 = p[at.below],
                                p11 = p[at.below + at.right];
                        const T by_x = given[bin] * x.slope *
                                       ((1 - y.part) * (p01 - p00) + y.part * (p11 - p10));
                        const T by_y = given[bin] * y.slope *
                                       ((1 - x.part) * (p10 - p00) + x.part * (p11 - p01));
                        sums[0] += by_x * (1 - x.of_end);
                        sums[1] += by_y * (1 - y.of_end);
                        sums[2] += by_x * x.of_end;
                        sums[3] += by_y * y.of_end;
                      });
        }
        T* const out = grad.data_ptr<T>() + 5 * k;
        out[0] = 0;
        for (std::size_t i = 0; i < 4; ++i) out[1 + i] = static_cast<T>(sums[i]);
      }
    });
  }

  variable_list apply(variable_list&& upstream) override {
    const char* const where = "roi_warp_pool";
    refuse_create_graph(where);
    variable_list grads(2);
    if (!upstream[0].defined()) return grads;
    const Tensor up = upstream[0].contiguous(), &maps = features.get("the features", where),
                 &boxes = rois.get("the rois", where);
    const bool is_double = up.scalar_type() == torch::kFloat64;
    if (task_should_compute_output(0)) {
      grads[0] = torch::zeros(maps.sizes(), up.options());
      is_double ? by_features<double>(up, boxes, grads[0])
                : by_features<float>(up, boxes, grads[0]);
    }
    if (task_should_compute_output(1)) {
      grads[1] = torch::empty(boxes.sizes(), up.options());
      is_double ? by_boxes<double>(up, maps, boxes, grads[1])
                : by_boxes<float>(up, maps, boxes, grads[1]);
    }
    return grads;
  }
  std::string name() const override { return "clew::RoiWarpPool"; }
};

void check_pool(const Tensor& features, const Tensor& rois, const RoiPoolOptions& options,
                const char* where) {
  check_features(features, where);
  check_rois(rois, features, where);
  CLEW_CHECK(features.size(2) * features.size(3) < std::int64_t{1} << 31,
             "features must have less than 2^31 pixels, got ", described(features), " (", where,
             ")");
  CLEW_CHECK(
      options.height > 0 && options.width > 0 && options.height <= 1024 && options.width <= 1024,
      "bins must be 1x1 to 1024x1024, got ", options.height, "x", options.width, " (", where, ")");
  CLEW_CHECK(options.scale > 0 && std::isfinite(options.scale), "scale must be above 0, got ",
             options.scale, " (", where, ")");
}

}  // namespace

Tensor roi_pool(const Tensor& features, const Tensor& rois, const RoiPoolOptions& options) {
  check_pool(features, rois, options, "roi_pool");
  return RoiPoolFunction::apply(features, rois.detach(), options);
}

Tensor roi_warp_pool(const Tensor& features, const Tensor& rois, const RoiWarpOptions& options) {
  check_pool(features, rois, {options.height, options.width, options.scale}, "roi_warp_pool");
  CLEW_CHECK(options.sampling_ratio >= 1 && options.sampling_ratio <= 1024,
             "sampling_ratio must be in 1..1024, got ", options.sampling_ratio, " (roi_warp_pool)");
  const Tensor maps = features.detach().contiguous(), boxes = rois.detach().contiguous();
  const std::vector<std::int64_t> shape{rois.size(0), maps.size(1), options.height, options.width};
  Tensor output = torch::empty(shape, maps.options());
  const Tensor chosen = torch::empty(shape, maps.options().dtype(torch::kInt32));
  maps.scalar_type() == torch::kFloat64 ? warp_forward<double>(maps, boxes, options, output, chosen)
                                        : warp_forward<float>(maps, boxes, options, output, chosen);
  if (torch::autograd::compute_requires_grad(features, rois)) {
    const auto node = make_node<RoiWarpNode>();
    node->features = SavedTensor(maps);
    node->rois = SavedTensor(boxes);
    node->chosen = chosen;
    node->options = options;
    node->set_next_edges(torch::autograd::collect_next_edges(features, rois));
    torch::autograd::set_history(output, node);
  }
  return output;
}

}  // namespace clew::ops
