// SPDX-License-Identifier: Apache-2.0
// Recipe keys of this module: detection of objects by Faster R-CNN, and by two simpler approaches.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "clew/core/config.h"
#include "clew/core/names.h"
#include "clew/data/box_pictures.h"
#include "clew/data/views.h"
#include "clew/detect/detector.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/train/learning_system.h"

namespace clew::detect {

/// Choices of `network`: detector_names(), which propose regions, kOneBoxName and kWindowsName.
const std::vector<std::string>& network_names();

/// Pictures with boxes: those of data.dir, or drawn scenes.
struct DetectData : data::BoxDataConfig {
  data::ViewsConfig views;
  int scenes = 4000, scene_size = 128;     // 0 scenes: data.dir is needed
  std::vector<std::string> scene_classes;  // empty: all

  void fields(Fields& v) {
    BoxDataConfig::fields(v);
    views.fields(v);
    v("scenes", scenes,
      {.min = 0,
       .max = 10'000'000,
       .help =
           "drawn scenes to learn from without data.dir, at least 12, and a quarter as many for "
           "validation and for testing each; 0: none, so that data.dir is needed"});
    v("scene_size", scene_size, {.min = 16, .max = 4096, .help = "side of drawn scenes, pixels"});
    v("scene_classes", scene_classes,
      {.help = "classes of the drawn scenes, such as [\"ball\", \"star\"]; none: all twelve"});
  }
};

/// Regions, and the limits of a detector; 0, or empty: those of the network (detector_options).
struct RegionConfig {
  std::int64_t short_side = 0, long_side = 0;
  std::vector<int> train_short_sides;
  std::vector<double> anchor_sizes, anchor_ratios;
  int proposals = 0, train_proposals = 0;
  int sampled_anchors = 256, sampled_proposals = 0;
  double proposal_overlap = 0.7, detection_overlap = 0, least_score = 0.05, shown_score = 0.5;
  int most_detections = 100;
  bool one_by_one = false;

  void fields(Fields& v) {
    v("short_side", short_side,
      {.min = 0, .max = 8192, .help = "pictures are resized to this short side, pixels"});
    v("long_side", long_side,
      {.min = 0, .max = 16384, .help = "unless the long side would be longer than this"});
    v("train_short_sides", train_short_sides,
      {.min = 32,
       .max = 8192,
       .help = "short sides of training pictures, of which each step draws one, such as [256, 320, "
               "384]; none: short_side"});
    v("anchor_sizes", anchor_sizes,
      {.above = 0.0,
       .max = 8192.0,
       .help = "sizes of anchors, roots of areas in pixels, the same number for each level of the "
               "pyramid, finest first; of network=windows, sides of the windows"});
    v("anchor_ratios", anchor_ratios,
      {.above = 0.0, .max = 100.0, .help = "their shapes, height to width"});
    v("proposals", proposals,
      {.min = 0, .max = 100'000, .help = "proposals of a picture that are classified"});
    v("train_proposals", train_proposals,
      {.min = 0,
       .max = 100'000,
       .help = "proposals of a training picture, which are sampled from"});
    v("sampled_anchors", sampled_anchors,
      {.min = 2,
       .max = 100'000,
       .help = "anchors of a picture in the loss, half of them positive"});
    v("sampled_proposals", sampled_proposals,
      {.min = 0,
       .max = 100'000,
       .help = "proposals, or windows, of a picture in the loss, a quarter of them positive"});
    v("proposal_overlap", proposal_overlap,
      {.min = 0,
       .max = 1,
       .help = "intersection over union above which the lesser of two proposals is dropped"});
    v("detection_overlap", detection_overlap,
      {.min = 0,
       .max = 1,
       .help =
           "the same of two detections of one class; 1: none is dropped; 0: the network's, 0.5, or "
           "0.3 of vgg16, zf and windows"});
    v("least_score", least_score, {.min = 0, .below = 1.0, .help = "of detections"});
    v("shown_score", shown_score,
      {.min = 0,
       .below = 1.0,
       .help = "of detections that are drawn, told and counted as mistakes; measures and JSON have "
               "all from least_score"});
    v("most_detections", most_detections, {.min = 1, .max = 100'000, .help = "of a picture"});
    v("one_by_one", one_by_one,
      {.help = "of network=windows: windows are cut out and classified one by one instead of as "
               "one convolution, to the same results, slower"});
  }
};

/// Training of a detector: approximate joint training, or the four steps of alternating training (Ren et al. 2015, section
/// 3.2), each of which is a phase of a run.
enum class DetectTraining : std::uint8_t {
  kJoint,             // all four losses
  kAlternating,       // the steps below, one after the other
  kProposals,         // region proposals with a body of their own
  kDetections,        // the detector, its body from the initial weights, on their proposals
  kSharedProposals,   // region proposals on the detector's body, which keeps its weights
  kSharedDetections,  // the detector's own layers, on those proposals
};
constexpr auto names(DetectTraining) {
  using enum DetectTraining;
  return std::to_array<Named<DetectTraining>>({{kJoint, "joint"},
                                               {kAlternating, "alternating"},
                                               {kProposals, "proposals"},
                                               {kDetections, "detections"},
                                               {kSharedProposals, "shared_proposals"},
                                               {kSharedDetections, "shared_detections"}});
}

struct DetectConfig : train::LearningConfig {
  std::string system = "detect", network = "mobilenet_v2_fpn";
  DetectTraining training = DetectTraining::kJoint;
  bool masks = false;
  int frozen_stride = -1;
  double body_rate = 1;
  RegionConfig regions;
  DetectData data;

  DetectConfig() {
    train.optimizer = train::OptimizerKind::kSgd;
    train.lr = 0.01;
    train.weight_decay = 1e-4;
    train.batch = 4;
    train.clip = 10;
  }

  void fields(Fields& v) override {
    v("system", system, {.choices = {"detect"}, .help = "the system this recipe is for"});
    v("seed", seed, {.is_setting = false, .help = "of everything random in the run"});
    v("network", network,
      {.choices = network_names(),
       .help = "the detector; one_box: one box of a picture by regression, and windows: "
               "classification of all windows, are for comparison"});
    v("training", training,
      {.help =
           "joint, all losses at once; alternating, the four steps of the paper, of train.steps "
           "each, which are phases: proposals, with a backbone of their own; detections, on "
           "these, with the backbone from its initial weights; shared_proposals, on that "
           "backbone, now frozen; shared_detections, the detector's own layers"});
    v("masks", masks,
      {.help = "also a mask of each object (Mask R-CNN), learned from masks of the data"});
    v("frozen_stride", frozen_stride,
      {.min = -1,
       .max = 64,
       .help = "layers of the backbone up to this stride keep their weights; -1: with "
               "start.weights 4, of vgg16 2 and of zf 0, and 0, none, without"});
    v("body_rate", body_rate,
      {.min = 0, .max = 100, .help = "learning rate of the rest of the backbone, times train.lr"});
    v.group("regions", regions);
    v.group("data", data);
    v.group("start", start);
    v.group("train", train);
  }
};

/// True for a step that trains region proposals alone.
bool trains_proposals(DetectTraining training);

/// Stride up to which layers of the backbone keep their weights, never -1.
int resolved_frozen_stride(const DetectConfig& config);

/// True for networks that propose regions: those of detector_names().
bool has_proposals(const DetectConfig& config);
bool has_masks(const DetectConfig& config);
/// Keys that the network cannot have: UsageError.
void check_network(const DetectConfig& config);

/// Options of the recipe's network with one class for each of data.classes and the background.
/// Anchors for another number of levels, a network without proposals: UsageError.
FasterRcnnOptions network_options(const DetectConfig& config);
/// The recipe's network, with random weights from LibTorch's generator and those options.
std::shared_ptr<Detector> make_detector(const DetectConfig& config);
/// Options of its losses.
TrainingOptions training_options(const DetectConfig& config);

/// A split of the recipe's data (data::box_columns), with its views. Unknown scene classes: UsageError.
std::shared_ptr<const data::Dataset> open_boxes(const DetectConfig& config, data::Split split);

}  // namespace clew::detect
