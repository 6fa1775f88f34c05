# SPDX-License-Identifier: Apache-2.0
"""torchvision's classifiers: the numbers that `clew bench classify --peer` prints beside ours.

One job: `inference` (evaluation mode, no gradients), `training` (a step of all weights: forward, cross-entropy, backward, SGD
with momentum; images in memory), `loading` (ImageFolder, Resize, CenterCrop, ToTensor, DataLoader). As its documentation
uses it: fp32, contiguous memory. Needs python3-torchvision (Debian's is 0.14).
"""
import argparse
import json
import statistics
import time

import torch
import torchvision


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["inference", "training", "loading"])
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1, help="of LibTorch, or processes of the DataLoader")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--folder", help="of pictures by class")
    parser.add_argument("--seconds", type=float, default=2)
    return parser.parse_args()


def measured(work, seconds):
    """Median and best seconds of a call, at least three, behind a warm-up."""
    work()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        work()
        times.append(time.perf_counter() - before)
    return {"peer_ms": statistics.median(times) * 1e3, "peer_best_ms": min(times) * 1e3}


def inference(args):
    network = getattr(torchvision.models, args.network)().eval()
    images = torch.rand(args.batch, 3, args.side, args.side)
    with torch.no_grad():
        return measured(lambda: network(images), args.seconds)


def training(args):
    network = getattr(torchvision.models, args.network)().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9)
    images = torch.rand(args.batch, 3, args.side, args.side)
    labels = torch.arange(args.batch)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return measured(step, args.seconds)


def loading(args):
    from torchvision import datasets, transforms

    prepare = transforms.Compose([transforms.Resize(args.side * 8 // 7), transforms.CenterCrop(args.side),
                                  transforms.ToTensor()])
    loader = torch.utils.data.DataLoader(datasets.ImageFolder(args.folder, prepare), batch_size=args.batch, shuffle=True,
                                         num_workers=args.threads, persistent_workers=True)

    def epoch():
        return sum(len(labels) for _, labels in loader)

    epoch()
    rates, start = [], time.perf_counter()
    while len(rates) < 3 or time.perf_counter() - start < args.seconds:
        before = time.perf_counter()
        rates.append(epoch() / (time.perf_counter() - before))
    return {"peer_images_per_second": statistics.median(rates)}


def main():
    args = arguments()
    if args.job != "loading":
        torch.set_num_threads(args.threads)
    print(json.dumps({"inference": inference, "training": training, "loading": loading}[args.job](args)
                     | {"torch": torch.__version__, "torchvision": torchvision.__version__}))


if __name__ == "__main__":
    main()
