# SPDX-License-Identifier: Apache-2.0
"""Training classifiers of distorted digits in plain PyTorch: the number that `clew bench digits --peer` prints beside ours.

Same networks (recipes/warp: FCN, CNN, and either behind affine spatial transformers by F.affine_grid and F.grid_sample),
same batch, cross-entropy, Adam. There are no digits: batches are random and already in memory, nothing is distorted and
no moving average of the weights is kept, which is in the peer's favour. Several processes average their gradients through
Gloo before each step; whether they or threads are faster depends on the network, so clew tries both and takes the better.
Needs python3-torch (Debian's is 1.13). OpenBLAS is used as the environment sets it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2, help="workers that share a batch")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process")
    parser.add_argument("--bf16", action="store_true", help="autocast to bf16, as clew does where the CPU multiplies it")
    parser.add_argument("--channels-first", action="store_true", help="not in channels-last memory, which is faster")
    parser.add_argument("--batch", type=int, default=128, help="images to a step, over all processes")
    parser.add_argument("--body", choices=["fcn", "cnn"], default="cnn")
    parser.add_argument("--width", type=int, default=60, help="of the body: filters, or hidden units")
    parser.add_argument("--transformers", type=int, default=1, help="0: none")
    parser.add_argument("--localiser", choices=["fc", "conv"], default="conv")
    parser.add_argument("--warp-size", type=int, default=56, help="side of what a transformer gives; 0: the input's")
    parser.add_argument("--pool", type=int, default=2, help="average pooling behind the transformers")
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--side", type=int, default=42)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5, help="that are timed, in five chunks")
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    return parser.parse_args()


def build_net(torch, args):
    nn, F = torch.nn, torch.nn.functional

    def localiser(channels, side):
        if args.localiser == "fc":
            return nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, 32), nn.ReLU(), nn.Linear(32, 32),
                                 nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 6))
        last = (side // 2 - 4) // 2 - 4
        return nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(channels, 20, 5), nn.MaxPool2d(2), nn.ReLU(),
                             nn.Conv2d(20, 20, 5), nn.ReLU(), nn.Flatten(), nn.Linear(20 * last * last, 20), nn.ReLU(),
                             nn.Linear(20, 6))

    def body(channels, side):
        width = args.width
        if args.body == "fcn":
            return nn.Sequential(nn.Flatten(), nn.Linear(channels * side * side, width), nn.ReLU(),
                                 nn.Linear(width, width), nn.ReLU(), nn.Linear(width, args.classes))
        last = ((side - 8) // 2 - 6) // 2
        return nn.Sequential(nn.Conv2d(channels, width, 9), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(width, width, 7),
                             nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(width * last * last, args.classes))

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.localisers = nn.ModuleList(localiser(args.channels, args.side) for _ in range(args.transformers))
            for one in self.localisers:
                one[-1].weight.data.zero_()
                one[-1].bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
            side, channels = args.side, args.channels
            if args.transformers:
                side = (args.warp_size or side) // args.pool
                channels *= args.transformers
            self.body = body(channels, side)

        def forward(self, images):
            """images [B,C,S,S] -> logits [B,classes]"""
            if not args.transformers:
                return self.body(images)
            size = args.warp_size or args.side
            seen = []
            for one in self.localisers:
                matrix = one(images).float().view(-1, 2, 3)
                grid = F.affine_grid(matrix, [images.size(0), args.channels, size, size], align_corners=False)
                seen.append(F.grid_sample(images, grid, align_corners=False))
            seen = torch.cat(seen, 1)
            return self.body(F.avg_pool2d(seen, args.pool) if args.pool > 1 else seen)

    return Reader()


def work(args):
    """One process: prints nothing unless it is rank 0."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(args.threads)
    torch.manual_seed(1 + args.rank)
    if args.processes > 1:
        dist.init_process_group("gloo", init_method="file://" + args.store, rank=args.rank, world_size=args.processes)
    net = build_net(torch, args)
    parameters = list(net.parameters())
    if args.processes > 1:
        for p in parameters:
            dist.broadcast(p.data, 0)
    optimizer = torch.optim.Adam(parameters, lr=1e-4)

    layout = torch.contiguous_format if args.channels_first else torch.channels_last
    net.to(memory_format=layout)
    size = args.batch // args.processes
    batches = [(torch.rand(size, args.channels, args.side, args.side).contiguous(memory_format=layout),
                torch.randint(0, args.classes, (size,))) for _ in range(8)]
    place = 0

    def step():
        nonlocal place
        images, labels = batches[place % len(batches)]
        place += 1
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16):
            logits = net(images)
        loss = torch.nn.functional.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if args.processes > 1:
            flat = torch.cat([p.grad.reshape(-1) for p in parameters])
            dist.all_reduce(flat)
            flat /= args.processes
            offset = 0
            for p in parameters:
                p.grad.copy_(flat[offset:offset + p.numel()].view_as(p))
                offset += p.numel()
        optimizer.step()

    def timed(steps):
        if args.processes > 1:
            dist.barrier()
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        if args.processes > 1:
            dist.barrier()
        return time.perf_counter() - begin

    timed(3)
    missing = [name for name, p in net.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    if missing:
        sys.exit(f"error: no gradient reached {', '.join(missing)}")
    steps = torch.tensor([max(1, round(args.seconds / 5 / (timed(3) / 3)))])
    if args.processes > 1:
        dist.broadcast(steps, 0)
    steps = int(steps)
    rates = [size * args.processes * steps / timed(steps) for _ in range(5)]
    if args.rank == 0:
        print(json.dumps({
            "peer_examples_per_second": round(statistics.median(rates), 1),
            "slowest": round(min(rates), 1), "fastest": round(max(rates), 1),
            "processes": args.processes, "threads_per_process": args.threads, "batch": size * args.processes,
            "precision": "bf16" if args.bf16 else "fp32", "data": "none: random images in memory",
            "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"), "torch": torch.__version__,
            "parameters": sum(p.numel() for p in parameters),
        }))


def main():
    args = arguments()
    if min(args.processes, args.threads, args.batch // args.processes, args.width, args.pool) < 1 or args.seconds <= 0:
        sys.exit("error: --processes, --threads, --width and --pool must be at least 1, --batch at least --processes, "
                 "--seconds more than 0")
    if args.rank is not None:
        work(args)
        return
    threads = str(args.threads)
    environment = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--store", os.path.join(folder, "store")]
        workers = [subprocess.Popen([*command, "--rank", str(rank)], env=environment) for rank in range(args.processes)]
        codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit(f"error: a worker ended with an error; is python3-torch installed for this Python ({sys.executable})?")


if __name__ == "__main__":
    main()
