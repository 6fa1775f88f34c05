# SPDX-License-Identifier: Apache-2.0
"""torchvision's operators on boxes: the numbers that `clew bench boxes --peer` prints beside ours.

One operator on the tensors of a file; poolings forward and backward with the gradient of the features. Needs
python3-torchvision (Debian's is 0.14).
"""
import argparse
import json
import statistics
import time

import torch
import torchvision
from torchvision import ops
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder, Matcher
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList


def pooling(given, pool):
    features = given["features"].requires_grad_()

    def work():
        torch.autograd.grad(pool(features), features, given["up"])

    return work


def work_of(name, given):
    coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
    if name == "roi_align":
        return pooling(given, lambda features: ops.roi_align(features, given["rois"], 7, 1 / 8, 2))
    if name == "roi_align_adaptive":
        return pooling(given, lambda features: ops.roi_align(features, given["rois"], 7, 1 / 16, -1))
    if name == "roi_pool":
        return pooling(given, lambda features: ops.roi_pool(features, given["rois"], 7, 1 / 16))
    if name == "nms":
        return lambda: ops.nms(given["boxes"], given["scores"], 0.7)
    if name == "batched_nms":
        return lambda: ops.batched_nms(given["boxes"], given["scores"], given["classes"], 0.5)
    if name == "box_iou":
        return lambda: ops.box_iou(given["boxes"], given["others"])
    if name == "encode":
        return lambda: coder.encode_single(given["boxes"], given["anchors"])
    if name == "decode":
        return lambda: ops.clip_boxes_to_image(coder.decode(given["codes"], [given["anchors"]]), (600, 1000))
    if name == "anchors":
        height, width = given["map"].shape[-2:]
        generator = AnchorGenerator(((128, 256, 512),), ((0.5, 1.0, 2.0),))
        images = ImageList(torch.zeros(1, 1, height * 8, width * 8), [(height * 8, width * 8)])
        return lambda: generator(images, [given["map"]])
    if name == "match":
        matcher = Matcher(0.7, 0.3, allow_low_quality_matches=True)
        return lambda: matcher(given["iou"])
    if name == "sample":
        sampler = BalancedPositiveNegativeSampler(256, 0.5)
        return lambda: [torch.where(masks[0])[0] for masks in sampler([given["labels"]])]
    raise SystemExit(f"no operator {name}")


def measured(work, seconds):
    """Median and best seconds of a call, at least three, behind a warm-up."""
    work()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return {"peer_ms": statistics.median(times) * 1e3, "peer_best_ms": min(times) * 1e3}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("operator")
    parser.add_argument("inputs", help="a .pth file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    work = work_of(args.operator, torch.load(args.inputs))
    print(json.dumps(measured(work, args.seconds) | {"torch": torch.__version__, "torchvision": torchvision.__version__}))


if __name__ == "__main__":
    main()
