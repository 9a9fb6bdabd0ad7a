"""Time, memory and error of one step (loss and gradient) beside peers and the matrix products alone.

    python -m benchmarks.losses                       # the full sweep, one thread, to losses.csv
    python -m benchmarks.losses --pairs 256 1024      # some sizes
    python -m benchmarks.losses --losses info_nce     # one family
    python -m benchmarks.losses --device cuda         # on a GPU, to losses_cuda.csv

On a CPU every cell runs in a process of its own, so that peak memory is its own. Peers that are not installed are left
out, and so is what runs out of memory. A sweep takes the place of the last one.
"""

import argparse
import importlib.util
import json
import sys
import time

import torch
from torch.nn.functional import cross_entropy, normalize

from benchmarks.common import add_out
from benchmarks.common.cells import measure_alone
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.pages import publish
from benchmarks.pages.losses import losses_records

PACKAGES = ("torch", "gnnclr", "lightly", "pytorch-metric-learning", "info-nce-pytorch")
SIZES = {"cpu": [256, 512, 1024, 2048, 4096, 8192, 16384], "cuda": [256, 1024, 4096, 8192, 16384, 32768, 65536]}
#: Largest batch of those that hold an n x n matrix, or worse; beyond it they are slow, or run out of memory.
LIMIT = {
    "cpu": {"lightly": 8192, "dense torch": 8192, "pytorch-metric-learning": 256, "info-nce-pytorch": 8192},
    "cuda": {"pytorch-metric-learning": 512},
}
TEMPERATURE = 0.1


def nt_xent_step(name):
    """A function ``(z0, z1) -> loss`` for NT-Xent by ``name``."""
    if name.startswith("gnnclr"):
        from gnnclr.losses import NTXentLoss

        return NTXentLoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "lightly":
        from lightly.loss import NTXentLoss as Peer

        return Peer(TEMPERATURE)
    if name == "pytorch-metric-learning":
        from pytorch_metric_learning.losses import NTXentLoss as Peer

        loss = Peer(TEMPERATURE)
        return lambda a, b: loss(torch.cat([a, b]), torch.arange(len(a), device=a.device).repeat(2))

    def dense(a, b):
        z = normalize(torch.cat([a, b]), dim=1)
        s = (z @ z.t() / TEMPERATURE).fill_diagonal_(float("-inf"))
        return cross_entropy(s, torch.arange(2 * len(a), device=a.device).roll(len(a)))

    return dense


def info_nce_step(name):
    """A function ``(query, key) -> loss`` for one-way InfoNCE by ``name``."""
    if name.startswith("gnnclr"):
        from gnnclr.losses import InfoNCELoss

        return InfoNCELoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "info-nce-pytorch":
        from info_nce import InfoNCE

        return InfoNCE(TEMPERATURE)

    def dense(q, k):
        s = normalize(q, dim=1) @ normalize(k, dim=1).t() / TEMPERATURE
        return cross_entropy(s, torch.arange(len(q), device=q.device))

    return dense


def products(n, views, device):
    """The three products that the textbook form needs (similarities, and one message for each side), in the fastest
    blocks we know."""
    z, rows = torch.randn(n * views, 128, device=device), 256 if device == "cpu" else 2048
    buffer = torch.empty(rows, n * views, device=device)
    to_q, to_k = torch.empty_like(z), torch.zeros_like(z)

    def run(*_):
        for i in range(0, len(z), rows):
            s = torch.mm(z[i : i + rows], z.t(), out=buffer[: len(z[i : i + rows])])
            torch.mm(s, z, out=to_q[i : i + rows])
            to_k.addmm_(s.t(), z[i : i + rows])

    return run


METHODS = {
    "nt_xent": [
        "gnnclr",
        "gnnclr flash",
        "gnnclr dense",
        "lightly",
        "pytorch-metric-learning",
        "dense torch",
        "3 products",
    ],
    "info_nce": ["gnnclr", "gnnclr tiles", "info-nce-pytorch", "dense torch", "3 products"],
}
LIMIT["cpu"]["gnnclr dense"] = 4096


def measure(family, name, n, threads, device):
    """Seconds (best of some), peak memory over the inputs in MB, and the loss."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    views = [torch.randn(n, 128, device=device, requires_grad=True) for _ in range(2)]
    if name == "3 products":
        step = products(n, 2 if family == "nt_xent" else 1, device)
    else:
        loss = (nt_xent_step if family == "nt_xent" else info_nce_step)(name)

        def step(a, b):
            a.grad = b.grad = None
            value = loss(a, b)
            value.backward()
            return float(value)

    small = [torch.randn(32, 128, device=device, requires_grad=True) for _ in range(2)]
    step(*small)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    peak = watch_peak(torch.device(device))
    times, value, begin = [], None, time.perf_counter()
    least = 2 if device == "cpu" else 0.4
    while len(times) < 2 or (time.perf_counter() - begin < least and len(times) < 50):
        start = time.perf_counter()
        value = step(*views)
        wait()
        times.append(time.perf_counter() - start)
        if times[-1] > 20:
            break
    return {"seconds": min(times), "memory_mb": peak() or float("nan"), "loss": value}


def run_cell(family, name, n, threads, device):
    """The measures of a cell; nothing, and a line that says why, if it failed."""
    if device == "cpu":
        try:
            return measure_alone("benchmarks.losses", ["--threads", str(threads), "--cell", family, name, str(n)])
        except RuntimeError as error:
            why = error
    else:
        try:
            return measure(family, name, n, threads, device)
        except torch.OutOfMemoryError as error:
            why = str(error).split(". ")[0]
        finally:
            torch.cuda.empty_cache()
    print(f"{family:9} {n:6} {name:24} failed: {why}", file=sys.stderr)
    return None


def available(name):
    module = {
        "lightly": "lightly",
        "pytorch-metric-learning": "pytorch_metric_learning",
        "info-nce-pytorch": "info_nce",
    }.get(name)
    return module is None or importlib.util.find_spec(module) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", help="default: a sweep that suits the device")
    parser.add_argument("--losses", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    add_out(parser)
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        print(json.dumps(measure(args.cell[0], args.cell[1], int(args.cell[2]), args.threads, "cpu")))
        return
    rows = []
    for family in args.losses:
        for n in args.pairs or SIZES[args.device]:
            for name in METHODS[family]:
                if not available(name) or n > LIMIT[args.device].get(name, n):
                    continue
                result = run_cell(family, name, n, args.threads, args.device)
                if result is None:
                    continue
                rows.append({"loss_name": family, "method": name, "pairs": n, **result})
                print(
                    f"{family:9} {n:6} {name:24} {result['seconds'] * 1e3:10.1f} ms {result['memory_mb']:8.0f} MB",
                    file=sys.stderr,
                )
    name = "losses" if args.device == "cpu" else "losses_cuda"
    losses_records(args.out, name).write(rows)
    env = environment(args.threads, args.device, PACKAGES)
    note_origin(args.out, name, ["benchmarks.losses", *words_of(sys.argv[1:])], env)
    print(publish(name, args.out))


if __name__ == "__main__":
    main()
