"""An epoch of exact contrast between all nodes of a graph, with community-aware negatives: time and peak memory.

    python benchmarks/full_batch.py --root DATA --datasets pubmed physics

GRACE, two graph convolutions of width 256 and projections of 128 numbers; every node is contrasted with every other of
both views, and pairs are left out or weighted by communities, exactly. Every row runs in a process of its own; peak
memory is over data and libraries, the optimizer, communities and neighbours included, but for what only finding them
took. Seconds are the median of two epochs. Rows are added to full_batch.csv, or take the place of those of the same
graph and rule; full_batch.md shows all.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import communities
import grace
import torch
from cifar10 import environment
from node.memory import watch_peak
from runs import add_rows
from torch_geometric.data import Data

from gnnclr.graph.communities import ExcludeCommunity, WeighCommunity
from gnnclr.node import Checkpointed, load_node_data

RULES: dict[str, Callable[[Data], object]] = {
    "all other nodes repel": lambda data: None,
    "own community left out": lambda data: ExcludeCommunity(communities.communities(data)),
    "own community weighs 0.2": lambda data: WeighCommunity(communities.communities(data), rho=0.2),
    "co-association weighs": communities.RULES["co-association weighs"],
    "community left out, 30 neighbours attract": communities.RULES["Louvain out, 30 attract"],
}
EPOCHS = 2
MEASURES = {"nodes": int, "edges": int, "seconds an epoch": float, "peak MB": float}


def cell(name: str, rule: str, args: argparse.Namespace) -> dict[str, float]:
    """One row, in a process of its own."""
    torch.set_num_threads(args.threads)
    data = load_node_data(name, args.root)
    rewire, settings = RULES[rule](data), communities.LARGER | {"temperature": 0.5, "epochs": EPOCHS}
    torch.manual_seed(0)
    small = Data(x=torch.rand(64, data.num_features), edge_index=torch.randint(64, (2, 256)))
    grace.train(grace.build(settings, data.num_features), small, settings)  # what the first call of anything costs
    peak = watch_peak(torch.device("cpu"))
    method = grace.build(settings, data.num_features)
    method.rewire = rewire
    if args.checkpointed:
        method.encoder = Checkpointed(method.encoder)
    seconds = grace.train(method, data, settings, f"{name}, {rule}")
    return {"nodes": data.num_nodes, "edges": data.num_edges, "seconds an epoch": seconds, "peak MB": peak()}


def write(new: list[dict[str, object]], folder: Path, command: str) -> str:
    """Adds rows to ``full_batch.csv``, and writes ``full_batch.md``; returns the text."""
    order = {rule: place for place, rule in enumerate(RULES)}
    table = [row for row in add_rows(folder / "full_batch.csv", new, ("dataset", "rule")) if row["rule"] in order]
    rows = [row | {name: kind(row[name]) for name, kind in MEASURES.items()} for row in table]
    rows.sort(key=lambda row: (row["nodes"], order[row["rule"]]))
    lines = ["| graph | negatives and positives | an epoch | peak memory |", "|---|---|---:|---:|"]
    for row in rows:
        graph = f"{row['dataset']}, {row['nodes']:,} nodes, {row['edges'] // 2:,} edges"
        cost = f"{row['seconds an epoch']:.1f} s | {row['peak MB']:,.0f} MB"
        lines.append(f"| {graph} | {row['rule']} | {cost} |")
    keys = ("cpu", "threads", "python", "torch", "date")
    text = "\n\n".join(
        [
            "# Exact contrast between all nodes of a graph",
            "GRACE, every node against every other of both views. The matrix of all pairs of views would take "
            + ", ".join(f"{name} {4 * (2 * n) ** 2 / 2**30:.1f} GiB" for name, n in sizes(rows).items())
            + " in float32; it is never made.",
            f"`{command}`; {', '.join(f'{key} {rows[0][key]}' for key in keys)}.",
            "\n".join(lines),
        ]
    )
    (folder / "full_batch.md").write_text(text + "\n", encoding="utf-8")
    return text


def sizes(rows: list[dict[str, object]]) -> dict[str, int]:
    return {row["dataset"]: row["nodes"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default=os.environ.get("GNNCLR_DATA"), help="default: $GNNCLR_DATA")
    parser.add_argument("--datasets", nargs="+", default=["pubmed", "physics"])
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES), metavar="RULE")
    parser.add_argument("--checkpointed", action="store_true", help="compute the layers again in the backward pass")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--cell", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.root is None:
        parser.error("--root must be given, or GNNCLR_DATA be set")
    if args.cell is not None:
        print(json.dumps(cell(*args.cell, args)))
        return

    shown = ["--datasets", *args.datasets, f"--threads={args.threads}"] + ["--checkpointed"] * args.checkpointed
    shown = shlex.join(["python", "benchmarks/full_batch.py", *shown])
    for name in args.datasets:
        for rule in args.rules:
            command = [sys.executable, __file__, *sys.argv[1:], "--root", args.root, "--cell", name, rule]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            row = {"dataset": name, "rule": rule} | json.loads(done.stdout.splitlines()[-1]) | environment(args)
            text = write([row], args.out, shown)
            print(f"{name}, {rule}: {row['peak MB']:,.0f} MB", file=sys.stderr, flush=True)
    print(text)


if __name__ == "__main__":
    main()
