// SPDX-License-Identifier: Apache-2.0
// Objects of a picture, by a detector of `clew train detect/...`, or by weights of torchvision's detectors.
//
//     detect_objects RUN PICTURE
//     detect_objects resnet50_fpn=WEIGHTS.pth PICTURE
#include <torch/types.h>

#include <iostream>
#include <memory>
#include <string>

#include "clew/data/image_tensor.h"
#include "clew/detect/detect_system.h"
#include "clew/detect/faster_rcnn.h"
#include "clew/image/files.h"
#include "clew/nn/weights.h"
#include "clew/train/supervised_run.h"

clew::detect::FasterRcnn from_torchvision(const std::string& name, const std::string& weights) {
  clew::detect::FasterRcnn network(name, clew::detect::detector_options(name));  // 91 classes
  clew::nn::load_weights(*network, weights);
  network->eval();
  return network;
}

clew::detect::FasterRcnn from_run(const std::string& run) {
  const auto network = clew::train::load_run(clew::detect::DetectSystem(), run);
  return std::dynamic_pointer_cast<clew::detect::FasterRcnnImpl>(network);
}

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "detect_objects RUN|NAME=WEIGHTS PICTURE\n";
    return 2;
  }
  const std::string from = words[1];
  const auto sign = from.find('=');
  const auto network = sign == std::string::npos
                           ? from_run(from)
                           : from_torchvision(from.substr(0, sign), from.substr(sign + 1));

  const clew::detect::FusedDetector detector(network);
  const auto picture = clew::image::to_rgb(clew::image::read(words[2]));
  const auto found = detector.detect({clew::data::to_tensor(picture)})[0];
  for (int i = 0; i < found.labels.numel(); ++i) {
    const auto box = found.boxes[i];  // x1, y1, x2, y2 in pixels
    std::cout << "class " << found.labels[i].item<int>() << ", score "
              << found.scores[i].item<float>() << ": " << box[0].item<float>() << ','
              << box[1].item<float>() << " to " << box[2].item<float>() << ','
              << box[3].item<float>() << '\n';
  }
}
