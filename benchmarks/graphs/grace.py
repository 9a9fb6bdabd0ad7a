"""GRACE on citation graphs, beside raw features, the untrained encoder and propagated features.

    python benchmarks/grace.py --root DATA --datasets cora citeseer pubmed --seeds 5

Full batch, exact loss, embeddings of the last epoch. Probes choose their settings on validation nodes and look at test
nodes once. Training settings come from benchmarks/grace.json. ``--search`` writes that file: of a small grid it takes
the settings with the best mean validation accuracy of the linear probe over seeds 1000, 1001, ..., which are not among
the reported seeds 0, 1, ..., and trains on ``--device``; reported runs are timed, on the CPU. Results go to
benchmarks/results/grace.csv and .md; runs that are in the CSV already, with the same settings, are not repeated.
"""

import argparse
import csv
import datetime
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch_geometric
from torch_geometric.nn import MLP
from tqdm import tqdm

from gnnclr.eval import Split, evaluate_features, linear_probe, results_table
from gnnclr.losses import NTXentLoss
from gnnclr.node import GRACE, GCNEncoder, grace_view, load_node_data, propagate_features

HERE = Path(__file__).parent
RESULTS, SETTINGS = HERE / "results", HERE / "grace.json"
FIELDS = [
    "dataset",
    "row",
    "seed",
    "linear",
    "linear_val",
    "knn",
    "knn_val",
    "epoch_seconds",
    "peak_gb",
    "threads",
    "settings",
]

# What the grid varies is declared in GRID; the rest is the same for all runs.
BASE = {
    "cora": {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 256, "act": "relu", "projection": 64}
    | {"edge": [0.4, 0.4], "feature": [0.1, 0.1], "temperature": 0.7, "weight_decay": 1e-5, "epochs": 100},
    "citeseer": {"lr": 1e-3, "layers": 1, "hidden": 512, "width": 512, "act": "prelu", "projection": 512}
    | {"edge": [0.4, 0.4], "feature": [0.2, 0.2], "temperature": 0.9, "weight_decay": 1e-5, "epochs": 50},
    "pubmed": {"lr": 1e-3, "layers": 2, "hidden": 256, "width": 128, "act": "relu", "projection": 128}
    | {"edge": [0.4, 0.1], "feature": [0.0, 0.2], "temperature": 0.7, "weight_decay": 1e-5, "epochs": 50},
}
GRID = {
    "cora": {"layers": [1, 2], "act": ["prelu", "relu"], "temperature": [0.5, 0.7, 0.9], "epochs": [100, 200]},
    "citeseer": {"projection": [64, 512]},
    "pubmed": {"epochs": [25, 50]},
}


def build(settings: dict, in_channels: int) -> GRACE:
    hidden, width, projection = settings["hidden"], settings["width"], settings["projection"]
    return GRACE(
        GCNEncoder(in_channels, hidden, width, settings["layers"], settings["act"]),
        MLP([width, width, projection], act=elu, norm=None),
        tuple(grace_view(e, f) for e, f in zip(settings["edge"], settings["feature"])),
        NTXentLoss(settings["temperature"]),
    )


def elu(x: torch.Tensor) -> torch.Tensor:
    """ELU by the exponential, which is vectorised on CPUs where PyTorch's is not: with its gradient twice as fast."""
    positive = x.relu()
    return positive + ((x - positive).exp() - 1)


def train(
    method: GRACE, data, settings: dict, note: str = "", after: Callable[[int], None] = lambda epochs: None
) -> float:
    """Trains in place and returns the median seconds of an epoch; calls ``after`` with the epochs that are done."""
    optimizer = torch.optim.Adam(method.parameters(), lr=settings["lr"], weight_decay=settings["weight_decay"])
    seconds = []
    for epoch in (bar := tqdm(range(settings["epochs"]), desc=note, leave=False)):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss, _ = method.training_step_loss(data)
        loss.backward()
        optimizer.step()
        value = loss.item()  # waits for the device
        seconds.append(time.perf_counter() - start)
        bar.set_postfix(loss=f"{value:.3f}")
        after(epoch + 1)
    return statistics.median(seconds)


def search(name: str, root: str, seeds: int, device: str = "cpu") -> None:
    path = RESULTS / "grace_search.csv"
    done = {(r["dataset"], r["settings"], r["seed"]): float(r["val"]) for r in read(path)}
    scores = {}
    for values in itertools.product(*GRID[name].values()):
        settings = BASE[name] | dict(zip(GRID[name], values))
        text, mean = json.dumps(settings), []
        for seed in range(1000, 1000 + seeds):
            if (name, text, str(seed)) not in done:
                data = load_node_data(name, root, split_seed=seed).to(device)
                torch.manual_seed(seed)
                method = build(settings, data.num_features).to(device)
                train(method, data, settings, f"{name} search {dict(zip(GRID[name], values))} seed {seed}")
                z, data = method.embed(data).cpu(), data.cpu()
                val = linear_probe(z, data.y, Split.from_masks(data)).val
                append(path, {"dataset": name, "settings": text, "seed": seed, "val": val})
                done[name, text, str(seed)] = val
            mean.append(done[name, text, str(seed)])
        scores[text] = sum(mean) / len(mean)
        print(f"{name}: validation {100 * scores[text]:.2f} of {text}", file=sys.stderr)
    best = json.loads(SETTINGS.read_text()) if SETTINGS.exists() else {}
    best[name] = json.loads(max(scores, key=scores.get))
    SETTINGS.write_text(json.dumps(best, indent=2) + "\n")


def chosen() -> dict[str, dict]:
    """The settings that a search chose, and the declared ones of data sets without a search."""
    return BASE | (json.loads(SETTINGS.read_text()) if SETTINGS.exists() else {})


def run(name: str, root: str, seeds: int) -> None:
    settings = chosen()[name]
    text, path = json.dumps(settings), RESULTS / "grace.csv"
    rows = ("raw", "A²X", "untrained", "GRACE")
    done = {(r["row"], int(r["seed"])) for r in read(path) if r["dataset"] == name and r["settings"] == text}
    for seed in range(seeds):
        data = load_node_data(name, root, split_seed=seed)
        fixed = name in ("cora", "citeseer", "pubmed") and seed > 0  # the same features on the same split
        for row in rows[2 if fixed else 0 :]:
            if (row, seed) in done:
                continue
            epoch = ""
            torch.manual_seed(seed)
            if row == "raw":
                x = data.x
            elif row == "A²X":
                x = propagate_features(data.x, data.edge_index)
            else:
                method = build(settings, data.num_features)
                if row == "GRACE":
                    epoch = round(train(method, data, settings, f"{name} seed {seed}"), 4)
                x = method.embed(data)
            # Before the probes, whose memory is their own.
            peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)
            result = evaluate_features({row: x}, data.y, Split.from_masks(data))[row]
            linear, knn = result["linear"], result["kNN"]
            values = [
                name,
                row,
                seed,
                linear.test,
                linear.val,
                knn.test,
                knn.val,
                epoch,
                peak,
                torch.get_num_threads(),
                text,
            ]
            append(path, dict(zip(FIELDS, values)))
            print(f"{name} {row} seed {seed}: linear {linear.test:.3f}, kNN {knn.test:.3f}", file=sys.stderr)


def report(names: list[str]) -> str:
    searched = json.loads(SETTINGS.read_text()) if SETTINGS.exists() else {}
    parts = ["# GRACE, full batch and exact", ""]
    parts.append(
        f"Python {platform.python_version()}, torch {torch.__version__}, PyG {torch_geometric.__version__}, "
        f"{platform.machine()}, {os.cpu_count()} CPU cores, {datetime.date.today()}. Accuracy on test nodes "
        "in percent, mean ± standard deviation over seeds; last epoch; a search of training settings "
        "(`benchmarks/grace.py --search`) and the probes choose on validation nodes only."
    )
    for name in names:
        settings = json.dumps(chosen()[name])
        records = [r for r in read(RESULTS / "grace.csv") if r["dataset"] == name and r["settings"] == settings]
        if not records:
            continue
        table = {}
        for row in ("raw", "untrained", "A²X", "GRACE"):
            mine = [r for r in records if r["row"] == row]
            if mine:
                table[row] = {"seeds": str(len(mine))}
                table[row] |= {k: [float(r[k]) for r in mine] for k in ("linear", "knn")}
                if row == "GRACE":
                    table[row]["seconds an epoch"] = f"{statistics.median(float(r['epoch_seconds']) for r in mine):.3f}"
                    table[row]["peak GB"] = f"{max(float(r['peak_gb']) for r in mine):.2f}"
                    table[row]["threads"] = "/".join(sorted({r["threads"] for r in mine}))
        origin = "chosen by search" if name in searched else "as declared, not searched"
        parts += ["", results_table(table, corner=name), "", f"Settings, {origin}: `{settings}`"]
    return "\n".join(parts) + "\n"


def read(path: Path) -> list[dict]:
    return list(csv.DictReader(path.open(newline=""))) if path.exists() else []


def append(path: Path, row: dict) -> None:
    path.parent.mkdir(exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--root",
        default=os.environ.get("GNNCLR_DATA", "data"),
        help="folder of raw files (default: $GNNCLR_DATA or data)",
    )
    parser.add_argument("--datasets", nargs="+", default=list(BASE), choices=list(BASE))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--search", action="store_true", help="choose settings and write them to grace.json")
    parser.add_argument("--device", default="cpu", help="where a search trains (default: cpu)")
    args = parser.parse_args()
    if len(args.datasets) > 1:
        # A process each, so that peak memory is that of one data set.
        for name in args.datasets:
            extra = ["--search", "--device", args.device] if args.search else []
            command = [sys.executable, __file__, "--root", args.root, "--datasets", name, "--seeds", str(args.seeds)]
            subprocess.run(command + extra, check=True)
    elif args.search:
        search(args.datasets[0], args.root, args.seeds, args.device)
    else:
        run(args.datasets[0], args.root, args.seeds)
    if not args.search:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "grace.md").write_text(report(list(BASE)))
        print(report(args.datasets))


if __name__ == "__main__":
    main()
