// SPDX-License-Identifier: Apache-2.0
// Detectors for other programs.
#pragma once

#include <string>
#include <vector>

#include "clew/detect/faster_rcnn.h"
#include "clew/nn/export/export.h"
#include "clew/train/learning_system.h"

namespace clew::detect {

/// Of ONNX: the whole detector, image [1,3,H,W] f32 in [0,1], RGB, of any size -> boxes [N,4] f32 xyxy in its pixels,
/// labels [N] i64 from 1, scores [N] f32, falling; compared with the network before, also without the limit of scores.
/// A graph that differs: clew::Error. Of TorchScript: body and pyramid, images [B,3,H,W] f32 in [0,1], RGB -> their
/// maps, finest first. `name`: of the network.
train::ExportPlan detector_export(const std::string& name, FasterRcnnImpl& network,
                                  const std::vector<std::string>& classes, nn::ExportFormat format);

}  // namespace clew::detect
