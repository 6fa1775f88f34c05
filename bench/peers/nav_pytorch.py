# SPDX-License-Identifier: Apache-2.0
"""The navigator's job in plain PyTorch: the number that `clew bench navigate --peer` prints beside ours.

Same network (Nav A3C+D1+D2+L), losses and loop: act for T steps without gradients, then compute the same T steps again
with them, one RMSProp step. There is no maze: observations, rewards and labels are random and already in memory, which
is in the peer's favour. The defaults are its best simple setting on two cores: two processes of one thread that
average their gradients through Gloo before each step (one learner, twice the lanes), 64 lanes each rather than 32, the
encoder learned step by step, fp32. Needs python3-torch (Debian's is 1.13). OpenBLAS is used as the environment sets it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

ACTIONS, VELOCITY, HIDDEN = 8, 6, 128
DEPTH_CELLS, DEPTH_CLASSES = 64, 8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2, help="workers of one thread each")
    parser.add_argument("--lanes", type=int, default=64, help="worlds of each process (N)")
    parser.add_argument("--unroll", type=int, default=20, help="steps between updates (T)")
    parser.add_argument("--warmup", type=int, default=3, help="updates before the clock starts")
    parser.add_argument("--chunks", type=int, default=5, help="timed chunks; the median is reported")
    parser.add_argument("--updates", type=int, default=4, help="updates in a chunk")
    parser.add_argument("--conv-at-once", action="store_true",
                        help="learn the encoder on T*N images at once, not step by step (slower: leaves the cache)")
    parser.add_argument("--keep-graph", action="store_true",
                        help="learn on the graph of acting, without the second forward pass (not the plain loop)")
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    return parser.parse_args()


def build_net(torch):
    nn = torch.nn

    def head(outputs):
        return nn.Sequential(nn.Linear(256, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))

    class Nav(nn.Module):
        def __init__(self):
            super().__init__()
            # images [B,3,84,84] f32 in [0,1] -> f [B,256]
            self.encoder = nn.Sequential(nn.Conv2d(3, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU(),
                                         nn.Flatten(), nn.Linear(32 * 9 * 9, 256), nn.ReLU())
            self.lstm1 = nn.LSTMCell(256 + 1, 64)
            self.lstm2 = nn.LSTMCell(256 + 64 + VELOCITY + ACTIONS, 256)
            self.policy = nn.Linear(256, ACTIONS)
            self.value = nn.Linear(256, 1)
            self.depth1 = head(DEPTH_CELLS * DEPTH_CLASSES)
            self.depth2 = head(DEPTH_CELLS * DEPTH_CLASSES)
            self.loop = head(1)

        def core(self, f, reward, velocity, action, state):
            """One step of both LSTMs: f [N,256], reward [N,1], velocity [N,6], action [N,8] one-hot -> h2 [N,256]."""
            h1, c1, h2, c2 = state
            h1, c1 = self.lstm1(torch.cat([f, reward], 1), (h1, c1))
            h2, c2 = self.lstm2(torch.cat([f, h1, velocity, action], 1), (h2, c2))
            return h1, c1, h2, c2

    return Nav()


def work(args):
    """One process: prints nothing unless it is rank 0."""
    import torch
    import torch.distributed as dist
    import torch.nn.functional as F

    torch.set_num_threads(1)
    torch.manual_seed(1 + args.rank)
    T, N = args.unroll, args.lanes
    if args.processes > 1:
        dist.init_process_group("gloo", init_method="file://" + args.store, rank=args.rank, world_size=args.processes)
    net = build_net(torch)
    parameters = list(net.parameters())
    if args.processes > 1:
        for p in parameters:
            dist.broadcast(p.data, 0)
    optimizer = torch.optim.RMSprop(parameters, lr=5e-4, alpha=0.99, eps=0.1)

    # What the environment would have written, one rollout of it, used again and again.
    images = torch.randint(0, 256, (T + 1, N, 3, 84, 84), dtype=torch.uint8)
    velocity = torch.randn(T + 1, N, VELOCITY)
    rewards = (torch.rand(T + 1, N) < 0.05).float()
    running = (torch.rand(T + 1, N) > 0.001).float()  # 0 where an episode begins: the state is cut there
    depth_class = torch.randint(0, DEPTH_CLASSES, (T * N, DEPTH_CELLS))
    is_loop = (torch.rand(T * N) < 0.1).float()
    frames = torch.empty(T, N, 3, 84, 84)
    state = (torch.zeros(N, 64), torch.zeros(N, 64), torch.zeros(N, 256), torch.zeros(N, 256))
    action_in = torch.zeros(T + 1, N, ACTIONS)
    actions = torch.zeros(T, N, dtype=torch.int64)

    def step(t, f, before):
        mask = running[t].unsqueeze(1)
        return net.core(f, rewards[t].unsqueeze(1), velocity[t], action_in[t], tuple(s * mask for s in before))

    def update():
        nonlocal state
        start = state
        kept_f, kept_h = [], []
        with torch.set_grad_enabled(args.keep_graph):
            for t in range(T):
                if args.keep_graph:
                    f = net.encoder(images[t] / 255)
                else:
                    f = net.encoder(torch.div(images[t], 255, out=frames[t]))
                state = step(t, f, state)
                if args.keep_graph:
                    kept_f.append(f)
                    kept_h.append(state[2])
                with torch.no_grad():
                    actions[t] = torch.multinomial(torch.softmax(net.policy(state[2]), 1), 1).squeeze(1)
                    action_in[t + 1] = F.one_hot(actions[t], ACTIONS)
        state = tuple(s.detach() for s in state)
        with torch.no_grad():
            bootstrap = net.value(step(T, net.encoder(images[T] / 255), state)[2]).squeeze(1)
            target, returns = bootstrap, [None] * T
            for t in reversed(range(T)):
                target = rewards[t + 1] + 0.99 * running[t + 1] * target
                returns[t] = target
            returns = torch.cat(returns)
            action_in[0] = action_in[T]

        if args.keep_graph:
            f, h = torch.cat(kept_f), torch.cat(kept_h)
        else:
            if args.conv_at_once:
                f = net.encoder(frames.view(T * N, 3, 84, 84))
                by_step = f.view(T, N, 256)
            else:
                by_step = [net.encoder(frames[t]) for t in range(T)]
                f = torch.cat(by_step)
            replay, kept_h = start, []
            for t in range(T):
                replay = step(t, by_step[t], replay)
                kept_h.append(replay[2])
            h = torch.cat(kept_h)
        log_policy = F.log_softmax(net.policy(h), 1)
        value = net.value(h).squeeze(1)
        advantage = (returns - value).detach()
        chosen = log_policy.gather(1, actions.view(-1, 1)).squeeze(1)
        depth1 = F.cross_entropy(net.depth1(f).view(-1, DEPTH_CLASSES), depth_class.view(-1), reduction="sum")
        depth2 = F.cross_entropy(net.depth2(h).view(-1, DEPTH_CLASSES), depth_class.view(-1), reduction="sum")
        loop = F.binary_cross_entropy_with_logits(net.loop(h).squeeze(1), is_loop, reduction="sum")
        loss = (-(chosen * advantage).sum() + 0.5 * 0.5 * (returns - value).pow(2).sum()
                + 1e-3 * (log_policy.exp() * log_policy).sum() + (depth1 + depth2) / DEPTH_CELLS + loop) / (T * N)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if args.processes > 1:
            flat = torch.cat([p.grad.view(-1) for p in parameters])
            dist.all_reduce(flat)
            flat /= args.processes
            offset = 0
            for p in parameters:
                p.grad.copy_(flat[offset:offset + p.numel()].view_as(p))
                offset += p.numel()
        optimizer.step()
        return float(loss.detach())

    for _ in range(args.warmup):
        update()
    missing = [name for name, p in net.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    if missing:
        sys.exit(f"error: no gradient reached {', '.join(missing)}")
    rates = []
    for _ in range(args.chunks):
        if args.processes > 1:
            dist.barrier()
        begin = time.perf_counter()
        for _ in range(args.updates):
            update()
        if args.processes > 1:
            dist.barrier()
        rates.append(args.processes * args.updates * T * N / (time.perf_counter() - begin))
    if args.rank == 0:
        print(json.dumps({
            "peer_agent_steps_per_second": round(statistics.median(rates), 1),
            "slowest": round(min(rates), 1), "fastest": round(max(rates), 1), "chunks": args.chunks,
            "processes": args.processes, "threads_per_process": 1, "lanes": N, "unroll": T, "precision": "fp32",
            "gradients": "averaged over the processes before each step (Gloo)" if args.processes > 1 else "own",
            "environment": "none: random observations", "keep_graph": args.keep_graph,
            "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"), "torch": torch.__version__,
            "parameters": sum(p.numel() for p in parameters),
        }))


def main():
    args = arguments()
    if min(args.processes, args.lanes, args.unroll, args.chunks, args.updates) < 1:
        sys.exit("error: --processes, --lanes, --unroll, --chunks and --updates must be at least 1")
    if args.rank is not None:
        work(args)
        return
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--store", os.path.join(folder, "store")]
        workers = [subprocess.Popen([*command, "--rank", str(rank)], env=environment) for rank in range(args.processes)]
        codes = [worker.wait() for worker in workers]
    if any(codes):
        sys.exit(f"error: a worker ended with an error; is python3-torch installed for this Python ({sys.executable})?")


if __name__ == "__main__":
    main()
