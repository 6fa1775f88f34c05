# SPDX-License-Identifier: Apache-2.0
"""torchvision's Faster R-CNN: the numbers that `clew bench detect --peer` prints beside ours.

One job: `inference` (evaluation mode, no gradients, one picture) or `training` (a step of all weights: four losses, backward,
SGD with momentum; pictures in memory). As its documentation uses it: fp32, random weights. The networks it does not have,
`mobilenet_v2_fpn`, are put together from its parts. Needs python3-torchvision (Debian's is 0.14).
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torchvision
from torchvision.models import detection
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["inference", "training"])
    parser.add_argument("--network", default="resnet50_fpn")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--seconds", type=float, default=6)
    return parser.parse_args()


def measured(work, seconds):
    """Median and best milliseconds of a call, at least three, behind a warm-up."""
    work()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return {"peer_ms": statistics.median(times) * 1e3, "peer_best_ms": min(times) * 1e3}


def make(name, classes):
    if name == "mobilenet_v2_fpn":
        body = torchvision.models.mobilenet_v2().features
        backbone = BackboneWithFPN(body, {"6": "0", "13": "1", "17": "2"}, [32, 96, 320], 128)
        anchors = AnchorGenerator(((32,), (64,), (128,), (256,)), ((0.5, 1.0, 2.0),) * 4)
        pool = torchvision.ops.MultiScaleRoIAlign(["0", "1", "2"], 7, 2)
        return detection.FasterRCNN(backbone, classes, min_size=320, max_size=640, rpn_anchor_generator=anchors,
                                    box_roi_pool=pool, rpn_pre_nms_top_n_train=1000, rpn_post_nms_top_n_train=500,
                                    rpn_pre_nms_top_n_test=300, rpn_post_nms_top_n_test=150,
                                    box_batch_size_per_image=128)
    return getattr(detection, "fasterrcnn_" + name)(weights=None, weights_backbone=None, num_classes=classes,
                                                    **({"trainable_backbone_layers": 5} if name == "resnet50_fpn" else {}))


def inference(args):
    network = make(args.network, 91).eval()
    images = [torch.rand(3, args.height, args.width)]
    with torch.no_grad():
        return measured(lambda: network(images), args.seconds)


def training(args):
    network = make(args.network, 2).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9)
    size = torch.tensor([args.width, args.height])
    images, targets = [], []
    for _ in range(args.batch):
        corner, side = torch.rand(10, 2) * 0.6, torch.rand(10, 2) * 0.3 + 0.05
        images.append(torch.rand(3, args.height, args.width))
        targets.append({"boxes": torch.cat([corner * size, (corner + side) * size], 1),
                        "labels": torch.ones(10, dtype=torch.int64)})

    def step():
        optimizer.zero_grad()
        sum(network(images, targets).values()).backward()
        optimizer.step()

    return measured(step, args.seconds)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    answer = {"inference": inference, "training": training}[args.job](args)
    answer["peer_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(answer | {"torch": torch.__version__, "torchvision": torchvision.__version__}))


if __name__ == "__main__":
    main()
