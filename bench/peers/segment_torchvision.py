# SPDX-License-Identifier: Apache-2.0
"""Segmentation by PyTorch and torchvision: the numbers that `clew bench segment --peer` prints beside ours.

One job: `inference` (torchvision's network in evaluation mode, no gradients, one picture, normalised), `training` (a step of all
weights of FCN-8s on MobileNetV2: cross-entropy, backward, SGD with momentum; pictures in memory), `dilation` (a convolution of 3x3)
or `evaluation` (the confusion matrix of a picture, as of torchvision's reference scripts). As the documentation uses them: fp32,
random weights. Needs python3-torchvision (Debian's is 0.14).
"""
import argparse
import json
import statistics
import time

import torch
import torchvision
from torch import nn
from torch.nn import functional
from torchvision.models import segmentation

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["inference", "training", "dilation", "evaluation"])
    parser.add_argument("--network", default="fcn_resnet50")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--dilation", type=int, default=1)
    parser.add_argument("--channels", type=int, default=256)
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


def inference(args):
    network = getattr(segmentation, args.network)(weights=None, weights_backbone=None, num_classes=21).eval()
    image = torch.rand(1, 3, args.height, args.width)
    with torch.no_grad():
        return measured(lambda: network((image - MEAN) / DEVIATION)["out"], args.seconds)


class Fcn8s(nn.Module):
    """Scores of the maps of stride 32, 16 and 8, added behind transposed convolutions; the rest of the way is bilinear."""

    def __init__(self, classes):
        super().__init__()
        self.body = torchvision.models.mobilenet_v2().features
        self.scores = nn.ModuleDict({name: nn.Conv2d(channels, classes, 1) for name, channels in (("18", 1280), ("13", 96), ("6", 32))})
        self.up = nn.ModuleList(nn.ConvTranspose2d(classes, classes, 4, 2, 1, bias=False) for _ in range(2))

    def forward(self, images):
        height, width = images.shape[2:]
        x = functional.pad((images - MEAN) / DEVIATION, (0, -width % 32, 0, -height % 32))
        maps = {}
        for number, layer in enumerate(self.body):
            x = layer(x)
            if str(number) in self.scores:
                maps[str(number)] = self.scores[str(number)](x)
        scores = maps["13"] + self.up[0](maps["18"])
        scores = maps["6"] + self.up[1](scores)
        return functional.interpolate(scores, scale_factor=8, mode="bilinear")[:, :, :height, :width]


def training(args):
    network = Fcn8s(args.classes).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)
    images = torch.rand(args.batch, 3, args.height, args.width)
    masks = torch.randint(args.classes, (args.batch, args.height, args.width))

    def step():
        optimizer.zero_grad()
        functional.cross_entropy(network(images), masks, ignore_index=255).backward()
        optimizer.step()

    return measured(step, args.seconds)


def dilation(args):
    # The same two convolutions as ours: 1x1 to the channels, then 3x3.
    network = nn.Sequential(nn.Conv2d(3, args.channels, 1, bias=False),
                            nn.Conv2d(args.channels, args.channels, 3, padding=args.dilation, dilation=args.dilation)).eval()
    image = torch.rand(1, 3, args.height, args.width)
    with torch.no_grad():
        return measured(lambda: network(image), args.seconds)


def evaluation(args):
    classes = args.classes
    truth = torch.randint(classes, (args.height // 40, args.width // 40)).repeat_interleave(40, 0).repeat_interleave(40, 1).flatten()
    found = torch.where(torch.rand(truth.shape) < 0.05, torch.randint(classes, truth.shape), truth)
    matrix = torch.zeros((classes, classes), dtype=torch.int64)

    def add():
        nonlocal matrix
        counted = (truth >= 0) & (truth < classes)
        numbers = classes * truth[counted] + found[counted]
        matrix += torch.bincount(numbers, minlength=classes ** 2).reshape(classes, classes)

    return measured(add, args.seconds)


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    jobs = {"inference": inference, "training": training, "dilation": dilation, "evaluation": evaluation}
    print(json.dumps(jobs[args.job](args) | {"torch": torch.__version__, "torchvision": torchvision.__version__}))


if __name__ == "__main__":
    main()
