"""Time, memory and error of one step (loss and gradient) beside peers and the matrix products alone.

    python benchmarks/losses.py                       # the full sweep, one thread, to
    benchmarks/results/losses.{csv,md,png}
    python benchmarks/losses.py --pairs 256 1024      # some sizes
    python benchmarks/losses.py --losses info_nce     # one family
    python benchmarks/losses.py --device cuda         # on a GPU, to benchmarks/results/losses_cuda.{csv,md,png}

On a CPU every cell runs in a process of its own, so that peak memory is its own. Peers that are not installed are left
out, and so is what runs out of memory.
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
SIZES = {"cpu": [256, 512, 1024, 2048, 4096, 8192, 16384], "cuda": [256, 1024, 4096, 8192, 16384, 32768, 65536]}
#: Largest batch of those that hold an n x n matrix, or worse; beyond it they are slow, or run out of memory.
LIMIT = {
    "cpu": {"lightly": 8192, "dense torch": 8192, "pytorch-metric-learning": 256, "info-nce-pytorch": 8192},
    "cuda": {"pytorch-metric-learning": 512},
}
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
        return lambda a, b: loss(torch.cat([a, b]), torch.arange(len(a), device=a.device).repeat(2))

    def dense(a, b):
        z = normalize(torch.cat([a, b]), dim=1)
        s = (z @ z.t() / TEMPERATURE).fill_diagonal_(float("-inf"))
        return cross_entropy(s, torch.arange(2 * len(a), device=a.device).roll(len(a)))

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
        return cross_entropy(s, torch.arange(len(q), device=q.device))

    return dense


def products(n, views, device):
    """The three products that the textbook form needs (similarities, and one message for each side), in the fastest
    blocks we know."""
    import torch

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
    import torch

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
    wait, peak = watch(device)
    times, value, begin = [], None, time.perf_counter()
    least = 2 if device == "cpu" else 0.4
    while len(times) < 2 or (time.perf_counter() - begin < least and len(times) < 50):
        start = time.perf_counter()
        value = step(*views)
        wait()
        times.append(time.perf_counter() - start)
        if times[-1] > 20:
            break
    return {"seconds": min(times), "memory_mb": peak(), "loss": value}


def watch(device):
    """Waits for the device, and the peak memory from now on in MB; on a CPU that of the process."""
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        return torch.cuda.synchronize, lambda: (torch.cuda.max_memory_allocated() - before) / 2**20
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return lambda: None, lambda: (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def run_cell(family, name, n, threads, device):
    """The measures of a cell; nothing, and a line that says why, if it failed."""
    if device == "cuda":
        import torch

        try:
            return measure(family, name, n, threads, device)
        except torch.OutOfMemoryError as error:
            why = str(error).split(". ")[0]
        finally:
            torch.cuda.empty_cache()
    else:
        command = [sys.executable, __file__, "--threads", str(threads), "--cell", family, name, str(n)]
        done = subprocess.run(command, capture_output=True, text=True)
        if not done.returncode:
            return json.loads(done.stdout.splitlines()[-1])
        why = (done.stderr.strip().splitlines() or ["killed"])[-1]
    print(f"{family:9} {n:6} {name:24} failed: {why}", file=sys.stderr)
    return None


def available(name):
    module = {
        "lightly": "lightly",
        "pytorch-metric-learning": "pytorch_metric_learning",
        "info-nce-pytorch": "info_nce",
    }.get(name)
    return module is None or importlib.util.find_spec(module) is not None


def environment(threads, device):
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
    if device == "cuda":
        import torch

        cpu = torch.cuda.get_device_name()
    return {
        "cpu" if device == "cpu" else "gpu": cpu,
        **({"threads": threads} if device == "cpu" else {}),
        "python": platform.python_version(),
        "date": str(datetime.date.today()),
    } | versions


def markdown(rows, env, device):
    lines = [
        "# Time and memory of a loss step",
        "",
        "One step is loss and gradient; d = 128, float32, τ = 0.1. Memory is the peak over the inputs.",
    ]
    lines += [
        "Cells that are missing would run out of memory, or take minutes; see `LIMIT` in `benchmarks/losses.py`.",
        "",
    ]
    command = "python benchmarks/losses.py" + (" --device cuda" if device == "cuda" else "")
    lines += [f"`{command}`; " + ", ".join(f"{key} {value}" for key, value in env.items()), ""]
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
    parser.add_argument("--pairs", type=int, nargs="+", help="default: a sweep that suits the device")
    parser.add_argument("--losses", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--out", type=Path, default=RESULTS)
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
    args.out.mkdir(parents=True, exist_ok=True)
    stem = "losses" if args.device == "cpu" else "losses_cuda"
    with open(args.out / f"{stem}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    table = markdown(rows, environment(args.threads, args.device), args.device)
    (args.out / f"{stem}.md").write_text(table + "\n")
    plot(rows, args.out / f"{stem}.png")
    print(table)


if __name__ == "__main__":
    main()
