// SPDX-License-Identifier: Apache-2.0
#include "boxes_bench.h"

#include <torch/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "call_times.h"
#include "clew/core/error.h"
#include "clew/core/log.h"
#include "clew/core/memory.h"
#include "clew/nn/weights.h"
#include "clew/ops/boxes/anchors.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/boxes/matching.h"
#include "clew/ops/boxes/nms.h"
#include "clew/ops/boxes/roi_align.h"
#include "clew/ops/boxes/roi_pool.h"
#include "peer.h"
#include "peer_files.h"

namespace clew::bench {
namespace {

using torch::Tensor;

/// An operator to be measured on tensors with names, which the peer gets in a file.
struct BoxesCase {
  BoxesJob job;
  std::string what, of;
  std::string peer;  // operator of the peer; empty: it has none
  std::map<std::string, Tensor> inputs;
  std::function<void(std::map<std::string, Tensor>&)> work;
};
using BoxesInputs = std::map<std::string, Tensor>;

/// Boxes as region proposals are: of nine shapes around random pixels, moved and stretched a little.
Tensor proposals(std::int64_t count, double height, double width) {
  const Tensor shapes = ops::base_anchors({.sizes = {64, 128, 256}});
  const Tensor base =
      shapes.index_select(0, torch::randint(0, shapes.size(0), {count}, torch::kInt64));
  const Tensor x = torch::rand({count}) * width, y = torch::rand({count}) * height;
  const Tensor boxes = base + torch::stack({x, y, x, y}, 1);
  const Tensor codes = torch::randn({count, 4}) * 0.1;
  return ops::clip_boxes(ops::decode_boxes(codes, boxes).squeeze(1),
                         {static_cast<std::int64_t>(height), static_cast<std::int64_t>(width)});
}

/// Forward and backward of a pooling of "features" by "rois".
template <class Pool>
std::function<void(BoxesInputs&)> pooled_twice(const Pool& pool, bool by_boxes) {
  return [pool, by_boxes](BoxesInputs& in) {
    const Tensor features = in["features"].detach().requires_grad_();
    const Tensor rois = in["rois"].detach().requires_grad_(by_boxes);
    const Tensor out = pool(features, rois);
    std::vector<Tensor> inputs{features};
    if (by_boxes) inputs.push_back(rois);
    torch::autograd::grad({out}, inputs, {in["up"]});
  };
}

BoxesInputs pooling_inputs(std::int64_t count, std::int64_t images, std::int64_t channels,
                           std::int64_t h, std::int64_t w, double stride) {
  const Tensor image = torch::randint(0, images, {count, 1}).to(torch::kFloat32);
  return {{"features", torch::randn({images, channels, h, w})},
          {"rois", torch::cat({image, proposals(count, static_cast<double>(h) * stride,
                                                static_cast<double>(w) * stride)},
                              1)},
          {"up", torch::randn({count, channels, 7, 7})}};
}

std::vector<BoxesCase> boxes_cases(const BoxesOptions& options) {
  using enum BoxesJob;
  std::vector<BoxesCase> cases;
  const auto shape = [&](const BoxesInputs& in, const char* samples) {
    return concat(in.at("features").sizes(), ", ", options.rois, " RoIs", samples);
  };
  const auto is_wanted = [&](BoxesJob job) { return options.job == kAll || options.job == job; };

  if (is_wanted(kRoiAlign) || is_wanted(kRoiPool)) {
    // A level of a feature pyramid, and the one map of a network without.
    const BoxesInputs fine = pooling_inputs(options.rois, 2, options.channels, 100, 136, 8),
                      coarse = pooling_inputs(options.rois, 1, options.channels, 38, 63, 16);
    BoxesInputs fine_last = fine;
    fine_last["features"] = fine_last["features"].contiguous(torch::MemoryFormat::ChannelsLast);
    const auto align = [](double scale, std::int64_t ratio, bool by_boxes) {
      return pooled_twice(
          [=](const Tensor& features, const Tensor& rois) {
            return ops::roi_align(
                features, rois,
                {.scale = scale, .sampling_ratio = ratio, .has_box_gradient = by_boxes});
          },
          by_boxes);
    };
    const auto pool = [](double scale) {
      return pooled_twice(
          [=](const Tensor& features, const Tensor& rois) {
            return ops::roi_pool(features, rois, {.scale = scale});
          },
          false);
    };
    const auto warp = pooled_twice(
        [](const Tensor& features, const Tensor& rois) {
          return ops::roi_warp_pool(features, rois, {.scale = 1.0 / 16});
        },
        true);
    const std::string four = shape(fine, ", 2x2 samples"), any = shape(coarse, ", adaptive");
    cases.push_back({kRoiAlign, "roi_align", four, "roi_align", fine, align(0.125, 2, false)});
    cases.push_back({kRoiAlign, "roi_align, channels last", four, "roi_align", fine_last,
                     align(0.125, 2, false)});
    cases.push_back(
        {kRoiAlign, "roi_align with box gradient", four, "", fine, align(0.125, 2, true)});
    cases.push_back(
        {kRoiAlign, "roi_align", any, "roi_align_adaptive", coarse, align(1.0 / 16, 0, false)});
    cases.push_back({kRoiPool, "roi_pool", shape(coarse, ""), "roi_pool", coarse, pool(1.0 / 16)});
    cases.push_back({kRoiPool, "roi_warp_pool with box gradient", shape(coarse, ", 2x2 samples"),
                     "", coarse, warp});
  }

  const BoxesInputs candidates{{"boxes", proposals(options.boxes, 600, 1000)},
                               {"scores", torch::rand({options.boxes})},
                               {"classes", torch::randint(0, 80, {options.boxes}, torch::kInt64)}};
  cases.push_back({kNms, "nms", concat(options.boxes, " boxes, 0.7"), "nms", candidates,
                   [](BoxesInputs& in) { (void)ops::nms(in["boxes"], in["scores"], 0.7); }});
  cases.push_back({kNms, "batched_nms", concat(options.boxes, " boxes, 80 classes, 0.5"),
                   "batched_nms", candidates, [](BoxesInputs& in) {
                     (void)ops::batched_nms(in["boxes"], in["scores"], in["classes"], 0.5);
                   }});

  const BoxesInputs pairs{{"boxes", proposals(20, 600, 1000)},
                          {"others", proposals(options.anchors, 600, 1000)}};
  const BoxesInputs coded{{"boxes", proposals(options.boxes, 600, 1000)},
                          {"anchors", proposals(options.boxes, 600, 1000)},
                          {"codes", torch::randn({options.boxes, 4}) * 0.1}};
  cases.push_back({kGeometry, "box_iou", concat("20 x ", options.anchors), "box_iou", pairs,
                   [](BoxesInputs& in) { (void)ops::box_iou(in["boxes"], in["others"]); }});
  cases.push_back({kGeometry, "encode_boxes", concat(options.boxes), "encode", coded,
                   [](BoxesInputs& in) { (void)ops::encode_boxes(in["boxes"], in["anchors"]); }});
  cases.push_back(
      {kGeometry, "decode_boxes, clip_boxes", concat(options.boxes), "decode", coded,
       [](BoxesInputs& in) {
         (void)ops::clip_boxes(ops::decode_boxes(in["codes"], in["anchors"]), {600, 1000});
       }});
  const std::int64_t side = 8;
  const std::int64_t rows = 600 / side,
                     columns = std::max<std::int64_t>(1, options.anchors / 9 / rows);
  cases.push_back({kGeometry,
                   "pyramid_anchors",
                   concat(rows, 'x', columns, ", 9 each"),
                   "anchors",
                   {{"map", torch::zeros({1, 1, rows, columns})}},
                   [=](BoxesInputs&) {
                     (void)ops::pyramid_anchors({{.sizes = {128, 256, 512}}},
                                                {rows * side, columns * side}, {{rows, columns}});
                   }});

  const BoxesInputs qualities{{"iou", ops::box_iou(pairs.at("boxes"), pairs.at("others"))},
                              {"labels", torch::randint(-1, 2, {options.anchors}, torch::kInt64)}};
  cases.push_back(
      {kMatching, "match_boxes", concat("20 x ", options.anchors), "match", qualities,
       [](BoxesInputs& in) { (void)ops::match_boxes(in["iou"], {.allows_low_quality = true}); }});
  cases.push_back(
      {kMatching, "sample_boxes", concat("256 of ", options.anchors), "sample", qualities,
       [](BoxesInputs& in) { (void)ops::sample_boxes(in["labels"], 256, 0.5, Key{1}); }});
  std::erase_if(cases, [&](const BoxesCase& one) { return !is_wanted(one.job); });
  return cases;
}

}  // namespace

Json boxes_rows(const BoxesOptions& options, bool has_peer) {
  keep_freed_memory();  // as clew train does
  const std::string python = has_peer ? find_python(options.python, "torchvision") : "";
  const int before = torch::get_num_threads();
  torch::manual_seed(1);
  Json rows = Json::array();
  for (BoxesCase& one : boxes_cases(options)) {
    const TemporaryFolder folder;
    const std::string file = (folder.path / "inputs.pth").string();
    if (has_peer && !one.peer.empty()) {
      nn::NamedTensors inputs;
      for (const auto& [name, tensor] : one.inputs) inputs.emplace_back(name, tensor.contiguous());
      nn::write_tensors(file, inputs);
    }
    for (const int threads : counts_up_to(options.threads)) {
      torch::set_num_threads(threads);
      CallTimes times([&] { one.work(one.inputs); });
      times.measure(options.seconds / 2);
      Json answer;
      if (has_peer && !one.peer.empty()) {
        log(LogLevel::kInfo, concat("running ", one.peer, " of torchvision with ", python));
        answer = run_peer(
            python, kBoxesTorchvision,
            {one.peer, file, concat("--threads=", threads), concat("--seconds=", options.seconds)},
            "peer_ms");
      }
      times.measure(options.seconds / 2);
      Json row = {{"what", one.what},
                  {"of", one.of},
                  {"threads", threads},
                  {"ms", times.median() * 1e3},
                  {"best_ms", times.best() * 1e3}};
      if (!answer.is_null()) add_peer(row, answer);
      rows.push_back(std::move(row));
    }
  }
  torch::set_num_threads(before);
  return rows;
}

}  // namespace clew::bench
