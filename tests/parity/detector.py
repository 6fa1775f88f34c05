# SPDX-License-Identifier: Apache-2.0
"""torchvision's Faster R-CNN for detector_parity_test.cpp: what each of its stages gives.

    detector.py NAME SHORT_SIDE LONG_SIDE WEIGHTS.pth OUT.pth
"""
import sys

import torch
import torchvision
from torchvision.models.detection import backbone_utils
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.ops.misc import FrozenBatchNorm2d

CLASSES = 7


def model_of(name, short_side, long_side):
    sides = {"min_size": short_side, "max_size": long_side}
    if name == "resnet50_fpn":
        body = torchvision.models.resnet50(norm_layer=FrozenBatchNorm2d)
        return FasterRCNN(backbone_utils._resnet_fpn_extractor(body, 3), CLASSES, **sides)
    body = torchvision.models.mobilenet_v3_large(norm_layer=FrozenBatchNorm2d)
    backbone = backbone_utils._mobilenet_extractor(body, True, 3)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    limits = {"rpn_pre_nms_top_n_test": 150, "rpn_post_nms_top_n_test": 150} if name.endswith("320_fpn") else {}
    return FasterRCNN(backbone, CLASSES, rpn_anchor_generator=anchors, rpn_score_thresh=0.05, **sides, **limits)


def fill(model):
    """Weights with which values keep their size, and predictors that are sure of themselves."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.dim() > 1:
                tensor.normal_(0, (1.6 / tensor[0].numel()) ** 0.5)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif name.endswith("bn3.weight"):
                tensor.uniform_(0.2, 0.4)  # sums of residual blocks stay small
            elif name.endswith("weight"):
                tensor.uniform_(0.7, 1.1)
            else:
                tensor.normal_(0, 0.1)
        model.roi_heads.box_predictor.cls_score.weight.mul_(0.3 if tuple(model.backbone.body)[0] == "conv1" else 3)
        model.rpn.head.bbox_pred.weight.mul_(0.3)
        model.rpn.head.cls_logits.weight.mul_(0.3)  # probabilities away from 1, where they are equal
        model.roi_heads.box_predictor.bbox_pred.weight.mul_(0.3)


def main(name, short_side, long_side, weights, out):
    torch.manual_seed(1)
    model = model_of(name, int(short_side), int(long_side))
    fill(model)
    torch.save(model.state_dict(), weights)
    model.eval()
    images = [torch.rand(3, height, width) for height, width in ((120, 160), (150, 101), (97, 240))]
    found = {f"image.{i}": image for i, image in enumerate(images)}

    def keep(module, function):
        module.register_forward_hook(lambda _module, _inputs, output: found.update(function(output)))

    def numbered(label, tensors):
        return {f"{label}.{i}": tensor for i, tensor in enumerate(tensors)}

    def by_anchor(maps, k):
        return torch.cat([m.view(m.shape[0], -1, k, m.shape[2], m.shape[3]).permute(0, 3, 4, 1, 2).reshape(m.shape[0], -1, k)
                          for m in maps], 1)

    keep(model.transform, lambda output: {"resized": output[0].tensors, "sizes": torch.tensor(output[0].image_sizes)})
    keep(model.backbone, lambda output: numbered("map", output.values()))
    keep(model.rpn.anchor_generator, lambda output: {"anchors": output[0]})
    keep(model.rpn.head, lambda output: {"objectness": by_anchor(output[0], 1).squeeze(2), "codes": by_anchor(output[1], 4)})
    keep(model.rpn, lambda output: numbered("proposals", output[0]))
    keep(model.roi_heads.box_roi_pool, lambda output: {"pooled": output})
    keep(model.roi_heads.box_predictor, lambda output: {"logits": output[0], "box_codes": output[1]})
    keep(model.roi_heads, lambda output: {f"{key}.{i}": value.clone() for i, one in enumerate(output[0]) for key, value in one.items()})
    with torch.no_grad():
        detections = model(images)
    for i, one in enumerate(detections):
        found.update({f"final.{key}.{i}": value for key, value in one.items()})
    torch.save(found, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
