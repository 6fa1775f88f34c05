# SPDX-License-Identifier: Apache-2.0
"""torchvision's Faster R-CNN for detector_parity_test.cpp, also on VGG-16's one map: what each of its stages gives.

    detector.py stages NAME SHORT_SIDE LONG_SIDE WEIGHTS.pth OUT.pth
    detector.py losses NAME SHORT_SIDE LONG_SIDE WEIGHTS.pth OUT.pth   in f64; samples are the first of their kind
"""
import sys
from collections import OrderedDict

import torch
import torchvision
from torchvision.models.detection import backbone_utils
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FasterRCNN, FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d
from torchvision.ops.poolers import MultiScaleRoIAlign

CLASSES = 7


class OneMap(torch.nn.Module):
    """VGG-16 up to conv5_3."""
    out_channels = 512

    def __init__(self):
        super().__init__()
        self.body = torchvision.models.vgg16().features[:30]

    def forward(self, images):
        return OrderedDict([("0", self.body(images))])


class CentredAnchors(AnchorGenerator):
    """Around the centres of the pixels that a map's elements see."""
    def grid_anchors(self, *words):
        return [anchors + 7.5 for anchors in super().grid_anchors(*words)]


class RoiPool(MultiScaleRoIAlign):
    """Derived, for torchvision takes no other type."""
    def __init__(self):
        super().__init__(["0"], 7, 2)

    def forward(self, maps, boxes, _sizes):
        return torchvision.ops.roi_pool(maps["0"], boxes, 7, 1 / 16)


def model_of(name, short_side, long_side):
    sides = {"min_size": short_side, "max_size": long_side}
    if name.endswith("resnet50_fpn"):
        body = torchvision.models.resnet50(norm_layer=FrozenBatchNorm2d)
        return (MaskRCNN if name.startswith("maskrcnn") else FasterRCNN)(backbone_utils._resnet_fpn_extractor(body, 3), CLASSES, **sides)
    if name == "mobilenet_v2_fpn":
        body = torchvision.models.mobilenet_v2(norm_layer=FrozenBatchNorm2d).features
        backbone = backbone_utils.BackboneWithFPN(body, {"6": "0", "13": "1", "17": "2"}, [32, 96, 320], 128, LastLevelMaxPool())
        anchors = AnchorGenerator(((32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 4)
        pooler = MultiScaleRoIAlign(["0", "1", "2"], 7, 2)
        return FasterRCNN(backbone, CLASSES, rpn_anchor_generator=anchors, box_roi_pool=pooler, rpn_pre_nms_top_n_test=300,
                          rpn_post_nms_top_n_test=150, rpn_pre_nms_top_n_train=1000, rpn_post_nms_top_n_train=500, **sides)
    if name == "vgg16":
        return FasterRCNN(OneMap(), rpn_anchor_generator=CentredAnchors(((16, 32, 64),), ((0.5, 1.0, 2.0),)), box_roi_pool=RoiPool(),
                          box_head=TwoMLPHead(512 * 49, 4096), box_predictor=FastRCNNPredictor(4096, CLASSES), box_nms_thresh=0.3,
                          rpn_pre_nms_top_n_train=12000, rpn_pre_nms_top_n_test=6000, rpn_post_nms_top_n_test=300, **sides)
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


class FirstOfTheirKind:
    """A sampler without chance."""

    def __init__(self, count, fraction):
        self.count, self.fraction = count, fraction

    def __call__(self, labels):
        masks = [], []
        for one in labels:
            positives = torch.where(one >= 1)[0][:int(self.count * self.fraction)]
            negatives = torch.where(one == 0)[0][:self.count - len(positives)]
            for chosen, into in zip((positives, negatives), masks):
                mask = torch.zeros_like(one, dtype=torch.uint8)
                mask[chosen] = 1
                into.append(mask)
        return masks


def losses(model, out):
    model.double().train()
    for parameter in model.parameters():
        parameter.requires_grad_()
    model.rpn.fg_bg_sampler = FirstOfTheirKind(256, 0.5)
    model.roi_heads.fg_bg_sampler = FirstOfTheirKind(512, 0.25)
    # Ours takes masks' targets from the masks as they are: equal where pictures are not resized.
    sizes = ((128, 160), (150, 128), (128, 224)) if model.roi_heads.has_mask() else ((120, 160), (150, 128), (97, 240))
    images = [torch.rand(3, height, width).double() for height, width in sizes]
    targets = []
    for i, image in enumerate(images):
        height, width = image.shape[1:]
        corner = torch.rand(2 * i, 2).double() * torch.tensor([0.5 * width, 0.5 * height])  # none in the first picture
        side = (0.2 + 0.3 * torch.rand(2 * i, 2).double()) * torch.tensor([width, height])
        targets.append({"boxes": torch.cat([corner, corner + side], 1), "labels": torch.randint(1, CLASSES, (2 * i,))})
        if model.roi_heads.has_mask():
            targets[-1]["masks"] = torch.randint(0, 2, (2 * i, height, width), dtype=torch.uint8)
    found = model(images, targets)
    sum(found.values()).backward()
    result = {f"loss.{name}": value.detach() for name, value in found.items()}
    for i, (image, target) in enumerate(zip(images, targets)):
        result.update({f"image.{i}": image, **{f"{key}.{i}": value for key, value in target.items()}})
    for name, parameter in model.named_parameters():
        grad = parameter.grad.reshape(-1)
        result["gradient." + name] = torch.stack([grad.norm(), grad.sum(), (grad * torch.arange(len(grad)).double().cos()).sum()])
    torch.save(result, out)


def main(kind, name, short_side, long_side, weights, out):
    torch.manual_seed(1)
    model = model_of(name, int(short_side), int(long_side))
    fill(model)
    torch.save(model.state_dict(), weights)
    if kind == "losses":
        losses(model, out)
        return
    model.eval()
    images = [torch.rand(3, height, width) for height, width in ((120, 160), (150, 128), (97, 240))]
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
