// SPDX-License-Identifier: Apache-2.0
// The task of detection on drawn scenes; whole runs are in tests/cli/detect_test.py.
#include <gtest/gtest.h>
#include <torch/script.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "clew/core/error.h"
#include "clew/detect/detect_export.h"
#include "clew/detect/detect_system.h"
#include "clew/detect/detect_task.h"
#include "clew/detect/losses.h"
#include "clew/ops/boxes/geometry.h"
#include "clew/ops/normalise.h"
#include "clew/train/rules.h"
#include "clew/train/supervised.h"
#include "tests/support/expect_error.h"

namespace clew::detect {
namespace detect_test {

DetectConfig small() {
  DetectConfig config;
  config.data.scenes = 48;
  config.data.scene_size = 64;
  config.regions.short_side = 64;
  config.regions.anchor_sizes = {12, 24, 48, 64};
  return config;
}

data::Batch some(const DetectTask& task, std::vector<std::int64_t> indices) {
  auto batch = data::batch_of(task.train_set(), indices, data::keys_of(indices, Key{5}));
  batch.indices = torch::tensor(indices);
  return batch;
}

TEST(DetectTask, LossesOfASliceAreTheSameForTheSameKey) {
  torch::manual_seed(1);
  const DetectTask task(small());
  const auto network = task.make_network();
  network->train();
  const auto batch = some(task, {0, 1, 2});
  const auto losses = [&](Key key) {
    return task.loss(task.forward(*network, batch, key), batch, key).value.item<double>();
  };
  const double first = losses(Key{1});
  EXPECT_TRUE(std::isfinite(first));
  EXPECT_EQ(first, losses(Key{1}));
  EXPECT_NE(first, losses(Key{2}));
}

TEST(DetectTask, EvaluationGivesDetectionsInPixelsOfThePicture) {
  torch::manual_seed(1);
  auto config = small();
  config.regions.least_score = 0;
  config.regions.short_side = 128;  // twice the pictures
  const DetectTask task(config);
  const auto network = task.make_network();
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto outputs = task.forward(*network, some(task, {0, 1}), Key{});
  ASSERT_EQ(outputs.list("boxes").size(), 2U);
  for (const auto& boxes : outputs.list("boxes")) {
    ASSERT_GT(boxes.size(0), 0);
    EXPECT_GE(boxes.min().item<float>(), 0);
    EXPECT_LE(boxes.max().item<float>(), 64);
  }
}

TEST(DetectTask, FrozenStrideAndRateOfTheBody) {
  auto config = small();
  config.frozen_stride = 4;
  config.body_rate = 0.1;
  const DetectTask task(config);
  const auto network = task.make_network();
  std::vector<std::string> names;
  for (const auto& item : network->named_parameters()) names.push_back(item.key());
  const auto settings = train::apply_rules(task.rules(*network), names);
  const auto of = [&](const std::string& name) {
    const auto found = std::ranges::find(names, name);
    EXPECT_NE(found, names.end()) << name;
    return settings[static_cast<std::size_t>(found - names.begin())];
  };
  EXPECT_TRUE(of("backbone.body.0.0.weight").is_frozen);
  EXPECT_TRUE(of("backbone.body.3.conv.0.0.weight").is_frozen);
  // The first layer of the next stage, still at stride 4.
  EXPECT_TRUE(of("backbone.body.4.conv.0.0.weight").is_frozen);
  EXPECT_FALSE(of("backbone.body.4.conv.1.0.weight").is_frozen);
  EXPECT_EQ(of("backbone.body.4.conv.1.0.weight").lr_factor, 0.1);
  EXPECT_EQ(of("rpn.head.cls_logits.weight").lr_factor, 1);
}

TEST(DetectTask, NoObjectsInABatchIsNoError) {
  torch::manual_seed(1);
  const DetectTask task(small());
  const auto network = task.make_network();
  network->train();
  auto batch = some(task, {0, 1});
  batch.set_list("difficult", {torch::ones_like(batch.list("difficult")[0]),
                               torch::ones_like(batch.list("difficult")[1])});
  EXPECT_EQ(learned_objects(batch, 0).labels.numel(), 0);
  const auto loss = task.loss(task.forward(*network, batch, Key{1}), batch, Key{1});
  EXPECT_TRUE(std::isfinite(loss.value.item<double>()));
  loss.value.backward();
  for (const auto& item : network->named_parameters()) {
    const auto gradient = item.value().grad();
    EXPECT_TRUE(!gradient.defined() || gradient.isfinite().all().item<bool>()) << item.key();
  }
}

TEST(FasterRcnn, DenseGraphIsTheNetwork) {
  const torch::NoGradGuard no_grad;
  for (const auto& name : detector_names()) {
    torch::manual_seed(2);
    FasterRcnn network(name, detector_options(name, 4));
    network->eval();
    const auto dense = network->dense_graph();
    auto wanted = dense.maps;
    wanted.insert(wanted.end(), dense.codes.begin(), dense.codes.end());
    const auto images = torch::randn({1, 3, 64, 96});
    const auto outputs = dense.graph->run(images, wanted);
    const auto maps = network->features(images);
    const auto proposals = network->propose(maps, {64, 96});
    ASSERT_EQ(outputs.size(), 2 * maps.size());
    std::int64_t rows = 0;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      EXPECT_TRUE(torch::allclose(outputs[i], maps[i], 1e-4, 1e-5)) << name << " " << i;
      rows += outputs[maps.size() + i].numel() / 4;
    }
    EXPECT_EQ(proposals.codes.size(1), rows);
  }
}

TEST(FusedDetector, FindsWhatTheNetworkDoes) {
  const torch::NoGradGuard no_grad;
  for (const auto& name : detector_names()) {
    torch::manual_seed(3);
    auto options = detector_options(name, 4);
    options.short_side = 64;
    options.long_side = 128;
    options.least_score = 0.01;
    FasterRcnn network(name, options);
    // Scores apart from each other, so that rounding changes no order.
    for (auto& item : network->named_parameters())
      if (item.key() == "roi_heads.box_predictor.cls_score.weight" ||
          item.key() == "rpn.head.cls_logits.weight")
        item.value().mul_(50);
    network->eval();
    const FusedDetector fused(network);
    const std::vector<torch::Tensor> images = {torch::rand({3, 50, 70}), torch::rand({3, 90, 60})};
    const auto ours = fused.detect(images), theirs = network->detect(images);
    for (std::size_t i = 0; i < images.size(); ++i) {
      ASSERT_GT(theirs[i].labels.numel(), 0) << name;
      const auto same =
          ops::box_iou(theirs[i].boxes, ours[i].boxes)
              .gt(0.95)
              .logical_and((theirs[i].scores.unsqueeze(1) - ours[i].scores).abs() < 1e-2)
              .logical_and(theirs[i].labels.unsqueeze(1) == ours[i].labels);
      EXPECT_GE(same.any(1).to(torch::kFloat32).mean().item<float>(), 0.9F) << name;
    }
    EXPECT_GT(fused.operations(50, 70), 1e6);
  }
}

/// The paper's networks for small pictures.
FasterRcnnOptions small_paper_options(const std::string& name) {
  auto options = detector_options(name, 4);
  options.short_side = 96;
  options.long_side = 160;
  options.anchors[0].sizes = {16, 32, 48};
  options.least_proposal_side = 4;
  return options;
}

TEST(PaperNetworks, HaveThePublishedSizes) {
  const torch::NoGradGuard no_grad;
  struct Published {
    std::string name;
    std::int64_t channels, bins, proposals;
    double centre;  // of the first anchors
    int frozen_stride;
  };
  for (const auto& [name, channels, bins, proposals, centre, frozen_stride] :
       {Published{"vgg16", 512, 7, 512, 7.5, 2}, Published{"zf", 256, 6, 256, 0, 0}}) {
    const auto published = detector_options(name);
    EXPECT_EQ(published.short_side, 600);
    EXPECT_EQ(published.long_side, 1000);
    ASSERT_EQ(published.anchors.size(), 1U);
    EXPECT_EQ(published.anchors[0].sizes, (std::vector<double>{128, 256, 512}));
    EXPECT_EQ(published.anchors[0].count(), 9);
    EXPECT_EQ(published.training.after_nms, 2000);
    EXPECT_EQ(published.evaluation.after_nms, 300);
    EXPECT_EQ(published.detection_nms, 0.3);
    EXPECT_EQ(detector_defaults(name).frozen_stride, frozen_stride);

    torch::manual_seed(4);
    FasterRcnn network(name, small_paper_options(name));
    network->eval();
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& item : network->named_parameters())
      shapes[item.key()] = item.value().sizes().vec();
    using Shape = std::vector<std::int64_t>;
    EXPECT_EQ(shapes.at("rpn.head.conv.0.0.weight"), (Shape{proposals, channels, 3, 3}));
    EXPECT_EQ(shapes.at("rpn.head.cls_logits.weight"), (Shape{9, proposals, 1, 1}));
    EXPECT_EQ(shapes.at("rpn.head.bbox_pred.weight"), (Shape{36, proposals, 1, 1}));
    EXPECT_EQ(shapes.at("roi_heads.box_head.fc6.weight"), (Shape{4096, channels * bins * bins}));
    EXPECT_EQ(shapes.at("roi_heads.box_head.fc7.weight"), (Shape{4096, 4096}));
    EXPECT_EQ(shapes.at("roi_heads.box_predictor.cls_score.weight"), (Shape{4, 4096}));
    EXPECT_EQ(shapes.at("roi_heads.box_predictor.bbox_pred.weight"), (Shape{16, 4096}));

    const auto maps = network->features(torch::rand({1, 3, 96, 160}));
    ASSERT_EQ(maps.size(), 1U);
    EXPECT_EQ(maps[0].sizes(), (Shape{1, channels, 6, 10}));
    const auto proposed = network->propose(maps, {96, 160});
    EXPECT_EQ(proposed.anchors.size(0), 6 * 10 * 9);
    const auto centres = (proposed.anchors.slice(1, 0, 2) + proposed.anchors.slice(1, 2, 4)) / 2;
    EXPECT_TRUE(centres.slice(0, 0, 9).eq(centre).all().item<bool>());
    EXPECT_EQ(centres[9][0].item<double>(), centre + 16);
    const auto boxes = torch::tensor({{0.0F, 0.0F, 64.0F, 64.0F}});
    const auto pooled = network->pool(maps, {boxes}, {{96, 160}});
    EXPECT_EQ(pooled.sizes(), (Shape{1, channels, bins, bins}));
    // RoI pooling of pixels 0 to 4: the whole box's maximum is that of the map's corner.
    EXPECT_TRUE(pooled.amax({2, 3}).equal(maps[0].slice(2, 0, 5).slice(3, 0, 5).amax({2, 3})));
  }
}

TEST(PaperNetworks, EveryParameterLearns) {
  for (const std::string name : {"vgg16", "zf"}) {
    torch::manual_seed(5);
    FasterRcnn network(name, small_paper_options(name));
    network->train();
    const TrainingPictures pictures{
        .images = {torch::rand({3, 96, 120})},
        .objects = {{torch::tensor({{10.0F, 12.0F, 45.0F, 50.0F}, {60.0F, 30.0F, 100.0F, 90.0F}}),
                     torch::tensor({1, 3}, torch::kInt64)}},
        .dropout = Key{1}};
    TrainingOptions options;
    options.ignores_crossing_anchors = true;
    const auto losses =
        detector_losses(*network, pictures, random_samplers(Key{2}, options), options);
    losses.sum().backward();
    for (const auto& item : network->named_parameters()) {
      const auto& gradient = item.value().grad();
      ASSERT_TRUE(gradient.defined()) << name << " " << item.key();
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << name << " " << item.key();
      EXPECT_GT(gradient.abs().max().item<double>(), 0) << name << " " << item.key();
    }
    if (name == "vgg16") continue;
    // Dropout draws from its key.
    auto other = pictures;
    other.dropout = Key{2};
    const auto changed =
        detector_losses(*network, other, random_samplers(Key{2}, options), options);
    EXPECT_NE(changed.classes.item<double>(), losses.classes.item<double>()) << name;
    EXPECT_EQ(changed.objectness.item<double>(), losses.objectness.item<double>()) << name;
  }
}

TEST(PaperNetworks, SmallProposalsAreLeftOutByThePictureScale) {
  torch::manual_seed(6);
  auto options = small_paper_options("zf");
  options.least_proposal_side = 16;
  options.has_detection = false;
  FasterRcnn network("zf", options);
  network->eval();
  const torch::NoGradGuard no_grad;
  const auto image = torch::rand({3, 192, 320});  // resized to half
  for (const auto& item : network->named_parameters())
    if (item.key() == "rpn.head.bbox_pred.weight") item.value().mul_(100);
  const auto boxes = network->propose_boxes({image}, 1000)[0];
  ASSERT_GT(boxes.size(0), 10);
  const auto sides = boxes.slice(1, 2) - boxes.slice(1, 0, 2);
  EXPECT_GE(sides.min().item<float>(), 16 - 1e-3);
  EXPECT_LT(sides.min().item<float>(), 24);  // 12 of the resized picture
}

TEST(DetectTask, AVgg16LearnsForThreeSteps) {
  DetectConfig config = small();
  config.network = "vgg16";
  config.regions.anchor_sizes = {12, 24, 40};
  config.train.steps = 3;
  config.train.batch = 1;
  config.train.workers = 1;
  config.train.lr = 0.001;
  config.train.eval_steps = 3;
  config.data.scenes = 12;
  const DetectTask task(config);
  train::Supervised learner(task, config.train, Key{1});
  torch::Tensor before;
  for (const auto& item : learner.network().named_parameters())
    if (item.key() == "backbone.body.28.weight") before = item.value().detach().clone();
  while (!learner.is_finished()) learner.update();
  EXPECT_EQ(learner.steps(), 3);
  for (const auto& item : learner.network().named_parameters()) {
    EXPECT_TRUE(item.value().isfinite().all().item<bool>()) << item.key();
    if (item.key() == "backbone.body.28.weight") {
      EXPECT_FALSE(item.value().equal(before));
    }
  }
}

TEST(DetectSystem, WithoutScenesAFolderIsNeeded) {
  auto config = small();
  config.data.scenes = 0;
  expect_error<UsageError>([&] { const DetectTask task(config); },
                           "data.dir must name a folder of pictures with boxes, of Pascal VOC, "
                           "COCO or YOLO, for this recipe has data.scenes = 0, got none");
  config.data.scenes = 3;
  expect_error<UsageError>([&] { const DetectTask task(config); },
                           "data.scenes must be 0 or at least 12, got 3");
}

TEST(DetectorExport, TorchScriptGivesTheMapsOfTheNetworkInOtherSizes) {
  const torch::NoGradGuard no_grad;
  for (const std::string name : {"mobilenet_v3_large_320_fpn", "efficientnet_lite0_fpn"}) {
    torch::manual_seed(4);
    FasterRcnn network(name, detector_options(name, 4));
    const auto plan =
        detector_export(name, *network, {"a", "b", "c"}, nn::ExportFormat::kTorchscript);
    const auto path =
        std::filesystem::temp_directory_path() / concat(::getpid(), "_clew_detector_", name, ".pt");
    nn::export_network(*plan.part, plan.forward, path, plan.options);
    auto script = torch::jit::load(path.string());
    std::filesystem::remove(path);
    const auto images = torch::rand({3, 3, 70, 113});
    network->eval();
    const auto wanted = network->features(ops::normalise(images, network->options().statistics));
    const auto got = script.forward({images}).toTupleRef().elements();
    ASSERT_EQ(got.size(), wanted.size()) << name;
    for (std::size_t i = 0; i < wanted.size(); ++i)
      EXPECT_TRUE(torch::allclose(got[i].toTensor(), wanted[i], 1e-4, 1e-5)) << name << " " << i;
    std::vector<std::string> names;
    for (const auto& item : script.named_parameters()) names.push_back(item.name);
    EXPECT_EQ(std::ranges::count(names, "fpn.layer_blocks.0.0.weight"), 1) << name;
    EXPECT_TRUE(
        std::ranges::none_of(names, [](const auto& one) { return one.starts_with("rpn."); }));
  }
}

// A graph that gives something else is not written.
TEST(DetectorExport, AWrongOnnxGraphIsRefused) {
  torch::manual_seed(5);
  auto options = detector_options("mobilenet_v3_large_320_fpn", 4);
  options.short_side = 64;
  options.long_side = 128;
  options.least_score = 0;
  FasterRcnn network("mobilenet_v3_large_320_fpn", options);
  const auto plan = detector_export("small", *network, {"a", "b", "c"}, nn::ExportFormat::kOnnx);
  nn::check_onnx(*network, plan.forward, plan.options);
  const auto shifted = [&](const std::vector<torch::Tensor>& inputs) {
    auto outputs = plan.forward(inputs);
    outputs[0] = outputs[0] + 3;
    return outputs;
  };
  const auto message = error_of([&] { nn::check_onnx(*network, shifted, plan.options); });
  EXPECT_TRUE(message.starts_with("cannot export to ONNX: ")) << message;
  EXPECT_NE(message.find(" detections of the written graph differ from forward's"),
            std::string::npos)
      << message;
  const auto relabelled = [&](const std::vector<torch::Tensor>& inputs) {
    auto outputs = plan.forward(inputs);
    outputs[1] = outputs[1] + 1;
    return outputs;
  };
  EXPECT_NE(error_of([&] { nn::check_onnx(*network, relabelled, plan.options); }), "no error");
}

TEST(DetectSystem, OptionsThatDoNotFitAreRefused) {
  auto config = small();
  config.regions.anchor_sizes = {32, 64};
  expect_error<UsageError>([&] { (void)DetectTask(config).make_network(); },
                           "regions.anchor_sizes must be 4, one for each level of "
                           "mobilenet_v2_fpn, or a multiple of that, got 2");
  config = small();
  config.regions.anchor_sizes = {10, 14, 20, 28, 40, 56, 80, 112};
  const auto levels = network_options(config).anchors;
  EXPECT_EQ(levels.front().sizes, (std::vector<double>{10, 14}));
  EXPECT_EQ(levels.back().sizes, (std::vector<double>{80, 112}));
  config = small();
  config.data.classes = {"cat"};
  EXPECT_TRUE(error_of([&] {
                const DetectTask task(config);
              }).starts_with("data.classes are cat, but the pictures have ball"));
  config = small();
  config.data.scene_classes = {"bal"};
  EXPECT_TRUE(error_of<UsageError>([&] {
                const DetectTask task(config);
              }).starts_with("data.scene_classes must be of "));
}

TEST(DetectSystem, BackbonesWeightsAreFoundByTheirNames) {
  const DetectSystem system;
  DetectConfig config;
  using Names = std::vector<std::string>;
  const auto names = [&](const char* name) { return system.start_names(config, name); };
  EXPECT_EQ(names("features.0.0.weight"), Names{"backbone.body.0.0.weight"});
  EXPECT_EQ(names("rpn.head.cls_logits.bias"), Names{"rpn.head.cls_logits.bias"});
  config.network = "efficientnet_lite0_fpn";
  EXPECT_EQ(names("_conv_stem.weight"), Names{"backbone.body._conv_stem.weight"});
  config.network = "resnet50_fpn";
  EXPECT_EQ(names("layer1.0.conv1.weight"), Names{"backbone.body.layer1.0.conv1.weight"});
  config.network = "vgg16";
  EXPECT_EQ(names("features.28.weight"), Names{"backbone.body.28.weight"});
  EXPECT_EQ(names("classifier.0.weight"), Names{"roi_heads.box_head.fc6.weight"});
  EXPECT_EQ(names("classifier.3.bias"), Names{"roi_heads.box_head.fc7.bias"});
  config.training = DetectTraining::kAlternating;
  EXPECT_EQ(names("features.28.weight"),
            (Names{"backbone.body.28.weight", "proposer.backbone.body.28.weight"}));
  EXPECT_EQ(names("classifier.3.bias"), Names{"roi_heads.box_head.fc7.bias"});
}

}  // namespace detect_test
}  // namespace clew::detect
