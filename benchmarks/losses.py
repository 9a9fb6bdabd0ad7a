"""Time, memory and error of one step (loss and gradient) beside peers and the matrix products alone.

    python benchmarks/losses.py                       # the full sweep, one thread, to
    benchmarks/results/losses.{csv,md,png}
    python benchmarks/losses.py --pairs 256 1024      # some sizes
    python benchmarks/losses.py --losses info_nce     # one family

Every cell runs in a process of its own, so that peak memory is its own. Peers that are not installed are left out.
"""

import argparse
import csv
import datetime
import importlib
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
SIZES = [256, 512, 1024, 2048, 4096, 8192, 16384]
#: Largest batch of those that hold an n x n matrix, or worse; beyond it they are slow, or run out of memory.
LIMIT = {"lightly": 8192, "dense torch": 8192, "pytorch-metric-learning": 256, "info-nce-pytorch": 8192}
TEMPERATURE = 0.1


def nt_xent_step(name):
    """A function ``(z0, z1) -> loss`` for NT-Xent by ``name``."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    if name.startswith("gnnclr"):
        from gnnclr.losses import NTXentLoss

        return NTXentLoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "lightly":
        from lightly.loss import NTXentLoss as Peer

        return Peer(TEMPERATURE)
    if name == "pytorch-metric-learning":
        from pytorch_metric_learning.losses import NTXentLoss as Peer

        loss = Peer(TEMPERATURE)
        return lambda a, b: loss(torch.cat([a, b]), torch.arange(len(a)).repeat(2))

    def dense(a, b):
        z = normalize(torch.cat([a, b]), dim=1)
        s = (z @ z.t() / TEMPERATURE).fill_diagonal_(float("-inf"))
        return cross_entropy(s, torch.arange(2 * len(a)).roll(len(a)))

    return dense


def info_nce_step(name):
    """A function ``(query, key) -> loss`` for one-way InfoNCE by ``name``."""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    if name.startswith("gnnclr"):
        from gnnclr.losses import InfoNCELoss

        return InfoNCELoss(TEMPERATURE, impl={"gnnclr": "auto"}.get(name, name.split()[-1]))
    if name == "info-nce-pytorch":
        from info_nce import InfoNCE

        return InfoNCE(TEMPERATURE)

    def dense(q, k):
        s = normalize(q, dim=1) @ normalize(k, dim=1).t() / TEMPERATURE
        return cross_entropy(s, torch.arange(len(q)))

    return dense


def products(n, views):
    """The three products that the textbook form needs (similarities, and one message for each side), in the fastest
    blocks we know."""
    import torch

    z = torch.randn(n * views, 128)
    buffer = torch.empty(256, n * views)
    to_q, to_k = torch.empty_like(z), torch.zeros_like(z)

    def run(*_):
        for i in range(0, len(z), 256):
            s = torch.mm(z[i : i + 256], z.t(), out=buffer[: len(z[i : i + 256])])
            torch.mm(s, z, out=to_q[i : i + 256])
            to_k.addmm_(s.t(), z[i : i + 256])

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
LIMIT["gnnclr dense"] = 4096


def measure(family, name, n, threads):
    """Runs in a process of its own: seconds (best of some), peak memory over the inputs in MB, and the loss."""
    import resource

    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    views = [torch.randn(n, 128, requires_grad=True) for _ in range(2)]
    if name == "3 products":
        step = products(n, 2 if family == "nt_xent" else 1)
    else:
        loss = (nt_xent_step if family == "nt_xent" else info_nce_step)(name)

        def step(a, b):
            a.grad = b.grad = None
            value = loss(a, b)
            value.backward()
            return float(value)

    small = [torch.randn(32, 128, requires_grad=True) for _ in range(2)]
    step(*small)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times, value, begin = [], None, time.perf_counter()
    while len(times) < 2 or (time.perf_counter() - begin < 2 and len(times) < 50):
        start = time.perf_counter()
        value = step(*views)
        times.append(time.perf_counter() - start)
        if times[-1] > 20:
            break
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"seconds": min(times), "memory_mb": peak, "loss": value}))


def available(name):
    module = {
        "lightly": "lightly",
        "pytorch-metric-learning": "pytorch_metric_learning",
        "info-nce-pytorch": "info_nce",
    }.get(name)
    return module is None or importlib.util.find_spec(module) is not None


def environment(threads):
    packages = ["torch", "gnnclr", "lightly", "pytorch-metric-learning", "info-nce-pytorch"]
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")), cpu
        )
        cpu += ", AVX-512" if "avx512f" in info.read_text() else ", no AVX-512"
    return {
        "cpu": cpu,
        "threads": threads,
        "python": platform.python_version(),
        "date": str(datetime.date.today()),
    } | versions


def markdown(rows, env):
    lines = [
        "# Time and memory of a loss step",
        "",
        "One step is loss and gradient; d = 128, float32, τ = 0.1. Memory is the peak over the inputs.",
    ]
    lines += [
        "Cells that are missing would run out of memory, or take minutes; see `LIMIT` in `benchmarks/losses.py`.",
        "",
    ]
    lines += ["`python benchmarks/losses.py`; " + ", ".join(f"{key} {value}" for key, value in env.items()), ""]
    for family in METHODS:
        part = [row for row in rows if row["loss_name"] == family]
        if not part:
            continue
        sizes = sorted({row["pairs"] for row in part})
        lines += [
            f"## {family}",
            "",
            "| pairs | " + " | ".join(map(str, sizes)) + " |",
            "|---" * (len(sizes) + 1) + "|",
        ]
        floor = {row["pairs"]: row["seconds"] for row in part if row["method"] == "3 products"}
        for name in METHODS[family]:
            cells = {row["pairs"]: row for row in part if row["method"] == name}
            if not cells:
                continue
            shown = []
            for n in sizes:
                if n not in cells:
                    shown.append("–")
                    continue
                ratio = f" ({cells[n]['seconds'] / floor[n]:.2f}×)" if n in floor and name != "3 products" else ""
                memory = "" if name == "3 products" else f", {cells[n]['memory_mb']:.0f} MB"
                shown.append(f"{cells[n]['seconds'] * 1e3:,.1f} ms{ratio}{memory}")
            lines.append(f"| {name} | " + " | ".join(shown) + " |")
        lines += ["", "In parentheses: time over that of the three matrix products.", ""]
    return "\n".join(lines)


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    families = [family for family in METHODS if any(row["loss_name"] == family for row in rows)]
    fig, axes = plt.subplots(2, len(families), figsize=(5.5 * len(families), 8), squeeze=False, layout="constrained")
    for column, family in enumerate(families):
        for name in METHODS[family]:
            part = sorted(
                (row["pairs"], row["seconds"], max(row["memory_mb"], 1))
                for row in rows
                if (row["loss_name"], row["method"]) == (family, name)
            )
            if not part:
                continue
            n, seconds, memory = zip(*part)
            style = {"color": "0.5", "linestyle": "--"} if name == "3 products" else {"marker": "o", "markersize": 4}
            style |= {"linewidth": 2.5, "zorder": 3} if name == "gnnclr" else {}
            axes[0][column].loglog(n, seconds, label=name, **style)
            if name != "3 products":
                axes[1][column].loglog(n, memory, label=name, **style)
        axes[0][column].set(title=family, ylabel="seconds a step")
        axes[1][column].set(xlabel="pairs", ylabel="peak memory over the inputs, MB")
        for row in (0, 1):
            axes[row][column].grid(True, which="major", alpha=0.3)
            axes[row][column].legend(fontsize=8)
    fig.savefig(path, dpi=130)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=SIZES)
    parser.add_argument("--losses", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.cell:
        return measure(args.cell[0], args.cell[1], int(args.cell[2]), args.threads)
    rows = []
    for family in args.losses:
        for n in args.pairs:
            for name in METHODS[family]:
                if not available(name) or n > LIMIT.get(name, n):
                    continue
                command = [sys.executable, __file__, "--threads", str(args.threads), "--cell", family, name, str(n)]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(
                        f"{family:9} {n:6} {name:24} failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}",
                        file=sys.stderr,
                    )
                    continue
                result = json.loads(done.stdout.splitlines()[-1])
                rows.append({"loss_name": family, "method": name, "pairs": n, **result})
                print(
                    f"{family:9} {n:6} {name:24} {result['seconds'] * 1e3:10.1f} ms {result['memory_mb']:8.0f} MB",
                    file=sys.stderr,
                )
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "losses.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    table = markdown(rows, environment(args.threads))
    (args.out / "losses.md").write_text(table + "\n")
    plot(rows, args.out / "losses.png")
    print(table)


if __name__ == "__main__":
    main()
