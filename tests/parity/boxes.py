# SPDX-License-Identifier: Apache-2.0
"""torchvision's operators on boxes, for boxes_parity_test.cpp: boxes.py IN.pth OUT.pth."""
import sys
import warnings
from collections import OrderedDict

import torch
from torchvision import ops
from torchvision.models.detection._utils import BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList


def geometry(given, out):
    boxes, others = given["boxes"], given["others"]
    out["iou"] = ops.box_iou(boxes, others)
    out["clipped"] = ops.clip_boxes_to_image(boxes, (60, 80))
    out["large"] = ops.remove_small_boxes(boxes, 10)
    for name, weights in {"plain": (1.0, 1.0, 1.0, 1.0), "weighted": (10.0, 10.0, 5.0, 5.0)}.items():
        coder = BoxCoder(weights)
        out[f"codes_{name}"] = coder.encode_single(boxes, given["anchors"])
        codes = given["codes"].clone().requires_grad_()
        decoded = coder.decode(codes, [given["anchors"]])
        (decoded * given["codes_up"]).sum().backward()
        out[f"decoded_{name}"], out[f"decoded_{name}_gradient"] = decoded.detach(), codes.grad
    good = boxes[given["good"]].clone().requires_grad_()
    (ops.box_iou(good, others[:9]) * given["iou_up"]).sum().backward()
    out["iou_gradient"] = good.grad


def suppression(given, out):
    for number in range(5):
        threshold = given["thresholds"][number].item()
        out[f"kept_{number}"] = ops.nms(given["candidates"], given["scores"], threshold)
        # Its last sort is not stable: equal scores come in any order.
        kept = ops.batched_nms(given["candidates"], given["scores"], given["classes"], threshold).sort().values
        out[f"kept_in_classes_{number}"] = kept[given["scores"][kept].sort(descending=True, stable=True).indices]
        few = slice(0, 500)
        out[f"kept_of_few_{number}"] = ops.batched_nms(given["plain_candidates"][few], given["scores"][few],
                                                       given["classes"][few], threshold)


def anchors(out):
    for name, generator, maps in (
            ("one", AnchorGenerator(((128, 256, 512),), ((0.5, 1.0, 2.0),)), [(13, 20)]),
            ("pyramid", AnchorGenerator(((32,), (64, 100), (5,)), ((0.5, 1.0, 2.0), (1.0,), (0.3, 3.0))), [(50, 77), (25, 39), (13, 20)])):
        images = ImageList(torch.zeros(1, 3, 200, 311), [(200, 311)])
        out[f"anchors_{name}"] = generator(images, [torch.zeros(1, 4, *map) for map in maps])[0]


def matching(given, out):
    for low_quality in (False, True):
        out[f"matches_{int(low_quality)}"] = Matcher(0.7, 0.3, low_quality)(given["qualities"])
        out[f"matches_half_{int(low_quality)}"] = Matcher(0.5, 0.5, low_quality)(given["qualities"])


def pooling(given, out):
    def run(name, operator):
        features = given["features"].clone().requires_grad_()
        pooled = operator(features)
        (pooled * given["up"][:, :, :pooled.shape[2], :pooled.shape[3]]).sum().backward()
        out[name], out[name + "_gradient"] = pooled.detach(), features.grad

    for ratio in (0, 1, 2, 3):
        for aligned in (0, 1):
            for height, width in ((7, 7), (2, 5)):
                run(f"align_{ratio}_{aligned}_{height}",
                    lambda features: ops.roi_align(features, given["rois"], (height, width), 0.25, ratio or -1, bool(aligned)))
    for height, width in ((7, 7), (2, 5)):
        run(f"pool_{height}", lambda features: ops.roi_pool(features, given["rois"], (height, width), 0.25))


def pyramid(given, out):
    maps = OrderedDict((f"level_{i}", given[f"level_{i}"].clone().requires_grad_()) for i in range(4))
    pooler = ops.MultiScaleRoIAlign(list(maps), 7, 2)
    pooled = pooler(maps, [given["boxes_0"], given["boxes_1"]], [(600, 900), (640, 700)])
    (pooled * given["pyramid_up"]).sum().backward()
    out["pyramid"] = pooled.detach()
    for name, value in maps.items():
        out[f"pyramid_gradient_{name}"] = value.grad


def main(source, target):
    warnings.filterwarnings("ignore")
    given, out = torch.load(source), {}
    geometry(given, out)
    suppression(given, out)
    anchors(out)
    matching(given, out)
    pooling(given, out)
    pyramid(given, out)
    torch.save(out, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
