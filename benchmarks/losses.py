"""Time, memory and error of one step (loss and gradient) beside peers and the matrix products alone.

    python -m benchmarks.losses                       # all parts, one thread, to losses{,_small,_products}.csv
    python -m benchmarks.losses --parts sweep         # all methods, to large batches, with memory
    python -m benchmarks.losses --parts small         # small batches beside dense torch, with and without gradients
    python -m benchmarks.losses --parts products      # large batches beside the three products
    python -m benchmarks.losses --pairs 256 1024      # some sizes
    python -m benchmarks.losses --losses info_nce     # one family
    python -m benchmarks.losses --device cuda         # on a GPU, to losses_cuda.csv and losses_small_cuda.csv

In the sweep on a CPU every cell runs in a process of its own, so that peak memory is its own. Peers that are not
installed are left out, and so is what runs out of memory. Small batches, and those beside the products, are timed in
turns: a turn is a few steps of each method, the ratio is the median over turns. A part takes the place of the last one.
"""

import argparse
import importlib.util
import json
import statistics
import sys
import time

import torch

from benchmarks.common import add_out, add_threads
from benchmarks.common.cells import measure_alone
from benchmarks.common.host_cost import count_frames, count_kernels
from benchmarks.common.loss_steps import STEPS, products
from benchmarks.common.machine import environment, note_origin, words_of
from benchmarks.common.memory import watch_peak
from benchmarks.pages import publish
from benchmarks.pages.losses import losses_records
from benchmarks.pages.losses_products import losses_products_records
from benchmarks.pages.losses_small import losses_small_records

PACKAGES = ("torch", "gnnclr", "lightly", "pytorch-metric-learning", "info-nce-pytorch")
SIZES = {"cpu": [256, 512, 1024, 2048, 4096, 8192, 16384], "cuda": [256, 1024, 4096, 8192, 16384, 32768, 65536]}
#: Pairs and width of small batches.
SMALL = [(8, 16), (64, 128), (256, 128), (512, 128), (1024, 128), (2048, 128)]
#: Pairs beside the products.
LARGE = [1024, 2048, 4096, 8192, 16384]
#: Largest batch of those that hold an n x n matrix, or worse; beyond it they are slow, or run out of memory.
LIMIT = {
    "cpu": {"lightly": 8192, "dense torch": 8192, "pytorch-metric-learning": 256, "info-nce-pytorch": 8192},
    "cuda": {"pytorch-metric-learning": 512},
}
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
        loss = STEPS[family](name)

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


def sweep(args):
    """All methods, at sizes that suit the device."""
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
    return rows


def in_turns(family, n, d, threads, device, seconds=2.0):
    """Small batches: seconds of a step and of a value (best of some), the median of their ratios to dense torch in the
    same turn, and what they cost the host."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    views = [torch.randn(n, d, device=device, requires_grad=True) for _ in range(2)]
    three = products(n, 2 if family == "nt_xent" else 1, device, d)
    runs = {("3 products", "step"): three}
    for name in ("gnnclr", "dense torch"):
        runs[name, "step"], runs[name, "value"] = step_and_value(STEPS[family](name), views)
    times, rows = take_turns(runs, device, seconds), []
    for (name, mode), found in times.items():
        ratios = [own / dense for own, dense in zip(found, times["dense torch", mode])]
        run = runs[name, mode]
        host = {} if name == "3 products" else {"kernels": count_kernels(run), "frames": count_frames(run)}
        rows.append({"method": name, "mode": mode, "seconds": min(found), "ratio": statistics.median(ratios), **host})
    return rows


def beside_products(family, n, threads, device, seconds=4.0):
    """A step and the three products in turns: their seconds (best of some), and the median of their ratios."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    views = [torch.randn(n, 128, device=device, requires_grad=True) for _ in range(2)]
    step, _ = step_and_value(STEPS[family]("gnnclr"), views)
    runs = {"gnnclr": step, "3 products": products(n, len(views) if family == "nt_xent" else 1, device)}
    own, three = take_turns(runs, device, seconds).values()
    ratio = statistics.median(a / b for a, b in zip(own, three))
    return {"seconds": min(own), "products": min(three), "ratio": ratio, "turns": len(own)}


def take_turns(runs, device, seconds):
    """The seconds of each of some functions in each of at least five turns, after two steps that are not counted."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    repeats, times = {}, {key: [] for key in runs}
    for key, run in runs.items():
        run(), run(), wait()
        start = time.perf_counter()
        run(), wait()
        repeats[key] = max(1, min(200, int(2e-3 / (time.perf_counter() - start))))
    begin, turns = time.perf_counter(), 0
    while turns < 5 or time.perf_counter() - begin < seconds:
        turns += 1
        for key, run in runs.items():
            start = time.perf_counter()
            for _ in range(repeats[key]):
                run()
            wait()
            times[key].append((time.perf_counter() - start) / repeats[key])
    return times


def step_and_value(loss, views):
    """A step, and the loss without gradients."""

    def step():
        for view in views:
            view.grad = None
        loss(*views).backward()

    def value():
        with torch.no_grad():
            loss(*views)

    return step, value


def small(args):
    """Small batches beside dense torch."""
    rows = []
    for family in args.losses:
        for n, d in [(n, 128) for n in args.pairs] if args.pairs else SMALL:
            if args.device == "cpu":
                arguments = ["--threads", str(args.threads), "--turns", family, str(n), str(d)]
                found = measure_alone("benchmarks.losses", arguments)
            else:
                found = in_turns(family, n, d, args.threads, args.device)
            rows += [{"loss_name": family, "pairs": n, "width": d, **row} for row in found]
            for row in found:
                print(
                    f"{family:9} {n:5} x {d:3} {row['method']:12} {row['mode']:6} {row['seconds'] * 1e3:9.3f} ms, "
                    f"{row['ratio']:.2f} of dense torch",
                    file=sys.stderr,
                )
    return rows


def large(args):
    """Large batches beside the products."""
    rows = []
    for family in args.losses:
        for n in args.pairs or LARGE:
            if args.device == "cpu":
                arguments = ["--threads", str(args.threads), "--beside", family, str(n)]
                found = measure_alone("benchmarks.losses", arguments)
            else:
                found = beside_products(family, n, args.threads, args.device)
            rows.append({"loss_name": family, "pairs": n, **found})
            print(f"{family:9} {n:6} {found['ratio']:.3f} of the products, {found['turns']} turns", file=sys.stderr)
    return rows


PARTS = {
    "sweep": ("losses", losses_records, sweep),
    "small": ("losses_small", losses_small_records, small),
    "products": ("losses_products", losses_products_records, large),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--pairs", type=int, nargs="+", help="default: sizes that suit the device and the part")
    parser.add_argument("--losses", nargs="+", choices=list(METHODS), default=list(METHODS))
    add_threads(parser)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    add_out(parser)
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--turns", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--beside", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        print(json.dumps(measure(args.cell[0], args.cell[1], int(args.cell[2]), args.threads, "cpu")))
        return
    if args.turns:
        print(json.dumps(in_turns(args.turns[0], int(args.turns[1]), int(args.turns[2]), args.threads, "cpu")))
        return
    if args.beside:
        print(json.dumps(beside_products(args.beside[0], int(args.beside[1]), args.threads, "cpu")))
        return
    env = environment(args.threads, args.device, PACKAGES)
    end = "" if args.device == "cpu" else "_cuda"
    for part in args.parts:
        name, records, run = PARTS[part]
        records(args.out, name + end).write(run(args))
        note_origin(args.out, name + end, ["benchmarks.losses", *words_of(sys.argv[1:])], env)
        print(publish(name + end, args.out))


if __name__ == "__main__":
    main()
